//! The life of one attempt to have a name, as one task: it asks for the name, keeps it while it is held,
//! and gives it back.
//!
//! ```text
//!  ask ──▶ granted ──▶ renew … renew ──▶ let go, or lost ──▶ give back
//!   │ nobody waits any more                                     ▲
//!   └───────────────────────────────────────────────────────────┘
//! ```
//!
//! What is local comes first: a tenure has ended here before the store is told, so that nobody sees a
//! name that is free there and held here.

use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, future::Either, stream::FuturesUnordered};
use sha2::{Digest, Sha256};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use tracing::{Instrument, Span};

use super::{
    admin,
    bell::Bell,
    error::{AcquireError, NotAcquired},
    gather::Gatherer,
    hold::{End, Hand, Hold, LossCause, State},
    monitor::{Happened, LeaseEvent, Observed},
    pool::{Lead, Pool},
    release::{ReleaseOutcome, TOO_LATE},
    run::Run,
    terms::Terms,
    wait::{Granted, Patience},
};
use crate::{
    clock::Clock,
    kernel::Timestamp,
    lease::{LeaseError, LeaseStore, Owner, Renewal, Renewed, Share},
};

/// Work that is dropped where it waits is gone by then.
const TO_STOP: Duration = Duration::from_millis(50);

/// What every attempt needs.
pub(super) struct Attempt {
    pub(super) store: Arc<dyn LeaseStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) name: Arc<str>,
    pub(super) owner: Owner,
    /// The owner may have had it before.
    pub(super) resumes: bool,
    /// A run, which its store counts if it can.
    pub(super) counted: Option<Run>,
    pub(super) share: Share,
    pub(super) goes_first: bool,
    pub(super) terms: Terms,
    pub(super) bell: Arc<Bell>,
    /// Where those of this process wait, if they wait as one.
    pub(super) pool: Option<Arc<Pool>>,
    pub(super) renewals: Arc<Gatherer<Renewal>>,
    pub(super) observed: Arc<Observed>,
}

/// What an attempt came to.
pub(super) type Answer = Result<Hand, AcquireError>;

impl Attempt {
    /// Asks, keeps what it gets, and gives it back.
    pub(super) async fn run(
        self: Arc<Self>,
        patience: Patience,
        mut tell: oneshot::Sender<Answer>,
        waiting: Span,
    ) -> ReleaseOutcome {
        let begun = self.clock.now();
        let wanted = self.observed.wanted(&self.name);
        let asked = tokio::select! {
            biased;
            () = tell.closed() => None,
            asked = self.wait(patience, &waiting).instrument(waiting.clone()) => Some(asked),
        };
        drop(wanted);
        self.note_asked(&asked, self.clock.now().since(begun));
        match asked {
            Some(Ok(Granted { hold, lead, .. })) => {
                let hold = Arc::new(hold);
                let (key, owner, fence) = (&self.name, &self.owner, hold.fence.0);
                waiting.record("fence", fence);
                let holding = tracing::debug_span!(parent: None, "lock.hold", %key, ?owner, fence);
                holding.follows_from(waiting);
                // Whoever does not take it lets go of it.
                drop(tell.send(Ok(Hand::new(&hold))));
                return self.keep(&hold, lead, holding).await;
            }
            Some(Err(error)) => {
                let is_unknown =
                    matches!(&error, AcquireError::Store(error) if error.is_outcome_unknown());
                drop(tell.send(Err(error)));
                if patience == Patience::Once && !is_unknown {
                    return ReleaseOutcome::NotOwner;
                }
            }
            None => {}
        }
        drop(waiting);
        if self.resumes {
            return ReleaseOutcome::Unknown;
        }
        // It may have been granted, or have a place in line.
        self.give_back(self.clock.now().plus(self.terms.lease), None, false).await
    }

    /// When a lease that the store counts from after this moment is over here.
    pub(super) fn until(sent: Timestamp, lasts: Duration) -> Timestamp {
        sent.plus(lasts.saturating_sub(Terms::drift(lasts)))
    }

    pub(super) fn note(&self, what: Happened) {
        let (name, owner) = (Arc::clone(&self.name), self.owner.clone());
        self.observed.note(LeaseEvent { name, owner, what });
    }

    fn note_asked(&self, asked: &Option<Result<Granted, AcquireError>>, waited: Duration) {
        self.note(match asked {
            None => Happened::GaveUp { waited },
            Some(Ok(Granted { hold, attempts, contended, told, .. })) => {
                let (contended, fence, attempts) = (*contended, hold.fence, *attempts);
                let handed_over = told.map(|told| self.clock.now().since(told));
                Happened::Acquired { contended, fence, attempts, waited, handed_over }
            }
            Some(Err(AcquireError::NotAcquired(why))) => {
                let NotAcquired { attempts, waited, holder, .. } = why.clone();
                Happened::NotAcquired { attempts, waited, holder }
            }
            Some(Err(error)) => Happened::Failed { waited, error: error.to_string().into() },
        });
    }

    fn note_end(&self, hold: &Hold, how: End) {
        let (fence, held) = (hold.fence, hold.now().since(hold.begun));
        self.note(match how {
            End::Released => Happened::Released { fence, held },
            End::Detached => Happened::Detached { fence, held },
            End::Lost(cause) => Happened::Lost { fence, cause, held },
        });
    }

    async fn keep(&self, hold: &Hold, lead: Option<Lead>, holding: Span) -> ReleaseOutcome {
        let earliest = hold.now().plus(self.terms.min_hold);
        let how = self.kept(hold).instrument(holding).await;
        self.note_end(hold, how);
        match how {
            End::Detached => ReleaseOutcome::NotOwner,
            End::Lost(LossCause::NotOwner | LossCause::Forced) => {
                drop(lead);
                self.stops(hold, Duration::ZERO).await;
                ReleaseOutcome::NotOwner
            }
            End::Released => {
                self.keep_from_others(hold, earliest).await;
                self.hand_over(hold, lead).await
            }
            End::Lost(_) if self.terms.leaves_what_it_lost => ReleaseOutcome::Unknown,
            End::Lost(_) => {
                // Whoever is next does not wait for that.
                drop(lead);
                // Who is told of it has the rest of what was confirmed to stop.
                self.stops(hold, hold.promised()).await;
                // The store may have heard of a renewal that nobody knows of here.
                match self.give_back(hold.now().plus(hold.lease()), None, true).await {
                    ReleaseOutcome::Released => ReleaseOutcome::AlreadyExpired,
                    outcome => outcome,
                }
            }
        }
    }

    /// Waits until nobody works under what was lost, for so long, or a moment. Tells if somebody does.
    async fn stops(&self, hold: &Hold, promised: Duration) {
        if !hold.unused(promised.max(TO_STOP)).await {
            self.note(Happened::StillUsed { fence: hold.fence });
        }
    }

    /// Gives it to who is next in this process, or else back.
    async fn hand_over(&self, hold: &Hold, mut lead: Option<Lead>) -> ReleaseOutcome {
        let until = hold.now().plus(hold.lease());
        let is_ours =
            |lead: &mut Lead| self.store.locks().is_some() && lead.may_hand_over(hold.now());
        let Some(led) = lead.take_if(is_ours) else {
            // Whoever is next here waits until it is back, or nobody can tell.
            return self.give_back(until, lead, true).await;
        };
        let handed = timeout(hold.lease(), led.hand_over(&hold.owner, hold.now())).await;
        if let Ok(Ok(true)) = handed {
            return ReleaseOutcome::Released;
        }
        if handed.is_err() {
            self.not_released(true, hold.lease(), &TOO_LATE);
        }
        match self.give_back(until, None, true).await {
            // It may have been handed over.
            ReleaseOutcome::NotOwner | ReleaseOutcome::AlreadyExpired
                if !matches!(handed, Ok(Ok(false))) =>
            {
                ReleaseOutcome::Unknown
            }
            outcome => outcome,
        }
    }

    /// Until then. If this process does not live as long, the store does it; one that has no lease as long is
    /// asked again and again.
    async fn keep_from_others(&self, hold: &Hold, earliest: Timestamp) {
        let mut longest = Duration::MAX;
        loop {
            let rest = earliest.since(hold.now());
            if rest.is_zero() {
                return;
            }
            let part = rest.min(longest);
            let pause = match timeout(rest, self.store.try_renew(&hold.name, &hold.owner, part))
                .await
            {
                Ok(Ok(Renewed::Renewed)) if part == rest => rest,
                Ok(Ok(Renewed::Renewed)) => part / 3,
                Ok(Ok(Renewed::NotOwner | Renewed::Forced)) | Err(_) => return,
                Ok(Err(error)) if !error.is_retryable() && longest > hold.lease() => {
                    tracing::debug!(key = %hold.name, owner = ?hold.owner, %error, "kept from others bit by bit");
                    longest = hold.lease();
                    continue;
                }
                Ok(Err(error)) => {
                    tracing::warn!(key = %hold.name, owner = ?hold.owner, %error, "not kept from others");
                    if !error.is_retryable() {
                        return;
                    }
                    self.terms.again()
                }
            };
            sleep(pause.min(rest)).await;
        }
    }

    /// Renews until it has ended.
    async fn kept(&self, hold: &Hold) -> End {
        let salt = salt(&self.owner);
        let next = |last| self.terms.next(last, salt, self.renewals.together());
        let (mut renew_at, mut ended) = (next(hold.begun), pin!(hold.ended()));
        loop {
            let until = match hold.state() {
                State::Held { until } => until,
                State::Ended { how, .. } => return how,
            };
            if self.is_enough(hold) {
                renew_at = None;
            }
            let due = renew_at.map_or(until, |at| at.min(until));
            tokio::select! {
                biased;
                () = sleep(due.since(hold.now())) => {}
                how = &mut ended => return how,
            }
            if renew_at.is_some_and(|at| at <= hold.now()) {
                renew_at = match self.hangs(hold) {
                    // Its holder may go on yet.
                    true => Some(hold.now().plus(self.terms.slot())),
                    false => next(self.renew_in_time(hold, ended.as_mut()).await),
                };
            }
        }
    }

    /// Renews, or loses it. Returns when what was confirmed was asked.
    async fn renew_in_time(
        &self,
        hold: &Hold,
        mut ended: Pin<&mut impl Future<Output = End>>,
    ) -> Timestamp {
        let begun = hold.now();
        let State::Held { until } = hold.state() else { return begun };
        let limit = self.terms.slot().min(self.terms.patience()).min(until.since(begun));
        let mut first = pin!(self.ask_again(hold, hold.lease(), true));
        let unanswered = tokio::select! {
            biased;
            answer = &mut first => match answer {
                Ok(asked) => return asked,
                Err(_) => None,
            },
            _ = ended.as_mut() => return begun,
            () = sleep(limit) => Some(first),
        };
        self.insist(hold, begun, unanswered, ended).await
    }

    /// Goes on to ask. A try that is not answered is not waited for alone: the next one may find another connection.
    async fn insist(
        &self,
        hold: &Hold,
        begun: Timestamp,
        unanswered: Option<Pin<&mut impl Future<Output = Result<Timestamp, LeaseError>>>>,
        mut ended: Pin<&mut impl Future<Output = End>>,
    ) -> Timestamp {
        let enough = begun.plus(self.terms.patience());
        let mut tries: FuturesUnordered<_> = unanswered.into_iter().map(Either::Left).collect();
        let mut next = begun.plus(self.terms.slot());
        while let State::Held { until } = hold.state() {
            let now = hold.now();
            if enough <= now {
                hold.end(End::Lost(LossCause::Unreachable));
                break;
            }
            if next <= now {
                // Another one that hangs does not hang this one.
                let together = tries.is_empty();
                tries.push(Either::Right(self.ask_again(hold, hold.lease(), together)));
                next = now.plus(self.terms.slot());
            }
            tokio::select! {
                biased;
                _ = ended.as_mut() => {}
                Some(answer) = tries.next() => {
                    if let Ok(asked) = answer {
                        return asked;
                    }
                }
                () = sleep(next.min(enough).min(until).since(now)) => {}
            }
        }
        begun
    }

    /// Renews it once, now, and from now on for so long if that is longer.
    pub(super) async fn renew(&self, hold: &Hold, lease: Duration) -> Result<(), LeaseError> {
        if self.is_enough(hold) {
            let source = "it was held for as long as it may".into();
            return Err(LeaseError::Refused { source, retryable: false });
        }
        self.ask_again(hold, lease.max(hold.lease()), false).await?;
        hold.lengthen(lease);
        Ok(())
    }

    /// Says what is done under it, or finds that it is lost.
    pub(super) async fn describe(
        &self,
        hold: &Hold,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), LeaseError> {
        let refused = |why: &str| Err(LeaseError::Refused { source: why.into(), retryable: false });
        if self.share == Share::Shared {
            return refused("nothing can be said of what is shared");
        }
        if admin(&*self.store)?.describe(&hold.name, &hold.owner, metadata).await? {
            return Ok(());
        }
        // A renewal is told why.
        self.ask_again(hold, hold.lease(), false).await?;
        match hold.left() {
            Some(_) => refused("it keeps nothing that is said of this lease"),
            None => Ok(()),
        }
    }

    /// Whether it was held for as long as it may.
    fn is_enough(&self, hold: &Hold) -> bool {
        self.terms.max_hold.is_some_and(|longest| hold.begun.plus(longest) <= hold.now())
    }

    /// Whether its holder has been silent for too long.
    fn hangs(&self, hold: &Hold) -> bool {
        self.terms.max_idle.is_some_and(|longest| longest <= hold.idle())
    }

    /// Asks once, together with others or alone, and notes what is answered. Returns when it was asked.
    async fn ask_again(
        &self,
        hold: &Hold,
        lease: Duration,
        together: bool,
    ) -> Result<Timestamp, LeaseError> {
        let sent = hold.now();
        let asked = Asked { attempt: self, sent, is_answered: false };
        let (name, owner) = (Arc::clone(&hold.name), hold.owner.clone());
        let renewed = match together {
            true => self.renewals.ask(&self.store, Renewal { name, owner, lease }).await,
            false => self.store.try_renew(&name, &owner, lease).await,
        };
        let took = asked.answered();
        let renewed = renewed.inspect_err(|error| {
            self.note(Happened::NotRenewed { took, error: error.to_string().into() });
        })?;
        match renewed {
            Renewed::Renewed => {
                hold.extend(Self::until(sent, lease));
                self.note(Happened::Renewed { lease, took });
            }
            Renewed::NotOwner => hold.end(End::Lost(LossCause::NotOwner)),
            Renewed::Forced => hold.end(End::Lost(LossCause::Forced)),
        }
        Ok(sent)
    }

    /// Lets others share it. Asks until it is answered, or lost.
    pub(super) async fn downgrade(&self, hold: &Hold) {
        let Some(line) = self.store.locks() else { return };
        while hold.left().is_some() {
            let asked = tokio::select! {
                biased;
                _ = hold.ended() => return,
                asked = line.downgrade(&hold.name, &hold.owner, hold.lease()) => asked,
            };
            match asked {
                Ok(Renewed::Renewed) => return,
                Ok(Renewed::NotOwner | Renewed::Forced) => {
                    hold.end(End::Lost(LossCause::NotOwner));
                }
                Err(error) => {
                    tracing::warn!(key = %hold.name, owner = ?hold.owner, %error, "not downgraded");
                    if !error.is_retryable() {
                        return hold.end(End::Lost(LossCause::Unreachable));
                    }
                    sleep(self.terms.again()).await;
                }
            }
        }
    }
}

/// A try to renew. One that is given up before it was answered has failed.
struct Asked<'a> {
    attempt: &'a Attempt,
    sent: Timestamp,
    is_answered: bool,
}

impl Asked<'_> {
    fn took(&self) -> Duration {
        self.attempt.clock.now().since(self.sent)
    }

    fn answered(mut self) -> Duration {
        self.is_answered = true;
        self.took()
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            let (took, error) = (self.took(), "nobody waited for the answer any more".into());
            self.attempt.note(Happened::NotRenewed { took, error });
        }
    }
}

/// What spreads the renewals of leases that began at one moment.
pub(super) fn salt(owner: &Owner) -> u64 {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(owner.as_str()).into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
