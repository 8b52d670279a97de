//! What may be set for an election, and what follows from it.

use std::time::Duration;

use distributed_task::coordination::{
    ElectionFinding, ElectionTerms, ElectionWarning, LeaderElectionOptions, Margins,
};
use serde_json::json;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn options(text: serde_json::Value) -> LeaderElectionOptions {
    serde_json::from_value(text).expect("these are options")
}

fn checked(text: serde_json::Value) -> ElectionTerms {
    options(text).check().expect("they can be followed")
}

fn findings(text: serde_json::Value) -> Vec<ElectionFinding> {
    options(text).check().expect_err("they cannot be followed").findings
}

/// LE-12 and LE-30 to LE-33.
#[test]
fn what_is_left_out_is_what_others_have_as_well() {
    let terms = checked(json!({}));
    let all = [terms.lease(), terms.renew(), terms.retry(), terms.grace()];
    assert_eq!(all, [15, 5, 2, 5].map(Duration::from_secs));
    assert_eq!(terms.warnings(), []);
    let all = options(json!({}));
    assert_eq!((all.heartbeat_interval, all.min_candidates), (Duration::from_secs(10), None));
    assert_eq!(all, LeaderElectionOptions::default());
}

#[test]
fn options_are_read_under_the_names_of_others_and_written_as_text() {
    let read = options(json!({
        "leadership_timeout": "1m",
        "renewal_interval": "20s",
        "retry_interval": "250ms",
        "grace_period": "1s 500ms",
        "instance_id": "web-1",
        "metadata": { "region": "eu" },
    }));
    let again = serde_json::to_value(&read).expect("they can be written");
    assert_eq!(
        again,
        json!({
            "leadership_timeout": "1m",
            "renew_interval": "20s",
            "retry_interval": "250ms",
            "grace_period": "1s 500ms",
            "stop_timeout": "30s",
            "enable_health_checks": true,
            "minimum_health_score": 0.8,
            "step_down_when_unhealthy": true,
            "lead_if_alone_unhealthy": false,
            "require_quorum": false,
            "heartbeat_interval": "10s",
            "candidate_id": "web-1",
            "candidate_metadata": { "region": "eu" },
        })
    );
    assert_eq!(options(again), read);
    for wrong in
        [json!({ "retry": "2s" }), json!({ "retry_interval": 2 }), json!({ "grace_period": "5" })]
    {
        serde_json::from_value::<LeaderElectionOptions>(wrong).expect_err("a mistake is told");
    }
}

/// LE-04.
#[test]
fn both_names_of_the_lease_say_the_same_or_are_refused() {
    let minute = Duration::from_secs(60);
    for same in [
        json!({ "leadership_timeout": "1m" }),
        json!({ "leadership_timeout": "1m", "lease_duration": "60s" }),
    ] {
        assert_eq!(checked(same).lease(), minute);
    }
    let two = findings(json!({ "leadership_timeout": "1m", "lease_duration": "15s" }));
    let lease_duration = Duration::from_secs(15);
    assert_eq!(two, [ElectionFinding::TwoLeases { lease_duration, leadership_timeout: minute }]);
}

/// LE-05: with the samples of both sources.
#[test]
fn a_late_renewal_is_warned_of_and_one_that_is_too_late_refused() {
    for (lease, renew, is_late) in
        [("15s", "5s", false), ("15s", "5001ms", true), ("60s", "30s", true), ("15s", "10s", true)]
    {
        let terms = checked(json!({ "lease_duration": lease, "renew_interval": renew }));
        let warns =
            |warning: &ElectionWarning| matches!(warning, ElectionWarning::LateRenewal { .. });
        assert_eq!(terms.warnings().iter().any(warns), is_late, "{renew} of {lease}");
    }
    // 15 s, less the 2.5 s of an attempt, less the 152 ms that clocks may differ.
    assert_eq!(checked(json!({ "renew_interval": "12347ms" })).renew(), ms(12_347));
    let [ElectionFinding::NoAttemptFits { latest, .. }] =
        findings(json!({ "renew_interval": "12348ms" }))[..]
    else {
        panic!("there is no time to renew it")
    };
    assert_eq!(latest, ms(12_348));
}

/// LE-33.
#[test]
fn the_grace_period_is_what_the_lease_has_room_for() {
    for (text, wanted) in [
        (json!({ "renew_interval": "10s" }), ms(4_250)),
        (json!({ "renew_interval": "9250ms" }), ms(5_000)),
        (json!({ "renew_interval": "9251ms" }), ms(4_999)),
        (json!({ "grace_period": "1h" }), ms(9_250)),
        // A margin of 50 ms is more than 5 % of a short lease.
        (json!({ "lease_duration": "300ms" }), ms(150)),
        // It asks once at least.
        (json!({ "lease_duration": "18s", "grace_period": "0s" }), ms(1_000)),
    ] {
        let terms = checked(text.clone());
        assert_eq!(terms.grace(), wanted, "{text}");
        let set = options(text).grace_period;
        let shorter = ElectionWarning::ShorterGrace { grace_period: set, effective: wanted };
        assert_eq!(terms.warnings().contains(&shorter), wanted < set);
    }
}

/// LE-66: what follows for the default, and for the samples of both sources.
#[test]
fn what_follows_is_told_in_numbers() {
    let told = |text| {
        let Margins { renew_chances, longest_outage, takeover, gap, .. } = checked(text).margins();
        (renew_chances, longest_outage.as_millis(), takeover.as_millis(), gap.as_millis())
    };
    assert_eq!(told(json!({})), (6, 4_166, 17_000, 5_000));
    assert_eq!(
        told(json!({ "lease_duration": "60s", "renew_interval": "30s" })),
        (2, 3_333, 62_000, 25_000)
    );
    assert_eq!(told(json!({ "renew_interval": "10s" })), (6, 4_166, 17_000, 750));
    let text = checked(json!({})).margins().to_string();
    for number in ["6 times", "17s", "5s"] {
        assert!(text.contains(number), "{text}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let long = "x".repeat(4_096);
    let wrong = options(json!({
        "lease_duration": "99ms",
        "renew_interval": "0s",
        "retry_interval": "2days",
        "candidate_id": "",
        "minimum_health_score": 1.01,
        "heartbeat_interval": "0s",
        "min_candidates": 0,
        "candidate_metadata": { "region": long },
    }));
    let error = wrong.check().expect_err("all of it is wrong");
    assert_eq!(error.findings.len(), 8, "{error}");
    for named in [
        "99ms",
        "renew_interval",
        "retry_interval",
        "candidate_id",
        "health_score",
        "candidate_metadata",
        "heartbeat_interval",
        "min_candidates",
    ] {
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
    let fits = json!({ "candidate_metadata": { "region": "x".repeat(4_090) } });
    assert_eq!(checked(fits).warnings(), []);
}
