//! The numbered rules of leases, locks and elections, each with tests that show it.
//!
//! The [guide](super::guide::coordination) says how to use them. Tests cite these numbers. A rule about a store
//! holds for each that keeps its contract: in memory, in Redis, and over several Redis, but for what needs a line:
//! the order of those who wait, readers, and what is handed over. `cargo test --workspace --all-features <name>` runs
//! one of the tests.
//!
//! # Leases
//!
//! | rule | what holds | shown by |
//! | --- | --- | --- |
//! | LS-01 | Of those who ask for a name one gets it, in one step | `only_one_owner_gets_the_lease`, `leases_in_memory_keep_the_contract`, `leases_in_redis_keep_the_contract` |
//! | LS-02 | Only its owner renews it, and what is over is never brought back | `the_holder_can_renew`, `renewing_fails_after_expiry` |
//! | LS-03 | Only its owner gives it back; doing so twice, or too late, is told and does no harm | `only_who_holds_it_releases_it` |
//! | LS-04 | Who cannot renew does not own: a refusal ends it at once, silence within the patience that was set, and never later than its time | `a_lease_that_is_taken_away_is_lost_with_the_next_renewal`, `open_connections_that_fall_silent_cost_a_lease_with_little_patience`, `patience_ends_at_its_moment`, `patience_ends_with_the_lease` |
//! | LS-05 | A lease is from 100 ms to a day, and 10 s by default; one that is short beside what the store takes is told of | `leases_that_are_none_are_refused`, `a_lease_that_is_short_beside_what_the_store_takes_is_told_of` |
//! | LS-06 | It is renewed before a third of it is over, and not all at one moment; one that was granted late is renewed at once | `a_lease_is_renewed_before_a_third_of_it_is_over`, `what_is_granted_late_is_renewed_in_time`, `leases_that_began_at_one_moment_are_renewed_at_many` |
//! | LS-07 | The store's clock decides whose it is; that of a process only makes it give up earlier | `a_lease_is_over_for_its_owner_before_it_is_for_any_server`, `a_grant_that_comes_later_than_its_lease_is_none`, `a_clock_that_jumps_ahead_loses_the_lease`, `a_clock_that_goes_back_takes_no_lease_away` |
//! | LS-08 | An owner is drawn anew for each tenure, whatever a process is called | `candidates_of_one_name_are_two` |
//! | LS-09 | A store of your own keeps the contract or fails its suite | `leases_over_the_connection_of_a_journal_keep_the_contract`, `every_clause_that_is_missing_in_a_script_is_found` |
//! | LS-10 | A guard tells how long it holds, by which fence, and why it does no more, always the same | `a_lease_is_kept_for_as_long_as_it_is_held`, `who_looks_later_sees_the_same_loss` |
//! | LS-11 | An owner that was kept goes on with its tenure after a restart | `who_kept_the_owner_goes_on_with_the_tenure` |
//! | LS-12 | Work under a lease is dropped where it waits when that is lost | `work_ends_with_the_lock_that_is_lost` |
//! | LS-13 | It ends here before it ends in the store | `a_name_that_is_free_in_the_store_is_held_by_nobody` |
//! | LS-14 | Whoever goes on under what it has lost is told of | `who_goes_on_under_what_was_lost_is_told_of` |
//! | LS-15 | What a dead process had is free when its lease is over | `what_a_killed_process_had_is_taken_over_when_its_lease_is_over` |
//! | LS-16 | Who was stopped for longer finds it lost at the first look | `a_pause_that_is_longer_than_the_lease_loses_it`, `who_is_stopped_for_longer_than_the_lease_finds_it_lost_and_its_write_refused` |
//! | LS-17 | Who is cut off gives up before others may have it | `a_network_that_drops_everything_costs_a_lease`, `who_is_told_of_a_loss_has_the_rest_of_the_lease_to_stop` |
//! | LS-18 | A fence rises from tenure to tenure, also when the server forgot the last one; a resource that compares it takes nothing from an old holder | `a_fence_rises_also_where_the_last_one_was_lost`, `a_replica_that_missed_the_grant_grants_again_under_a_higher_fence` |
//! | LS-19 | It is given back at the end, wherever its guard is dropped, and nobody waits longer than it lasts | `what_is_let_go_is_free_at_once`, `a_guard_may_be_dropped_anywhere`, `a_release_that_fails_is_counted_and_ends_with_the_lease`, `who_drops_what_it_asked_for_leaves_nothing`, `who_leaves_the_line_is_in_nobodys_way` |
//! | LS-20 | The five tests of the article *Lease Pattern in .NET* are in the suite | `only_one_owner_gets_the_lease`, `the_holder_can_renew`, `renewing_fails_after_expiry`, `only_who_holds_it_releases_it`, `a_pause_that_is_longer_than_the_lease_loses_it` |
//! | LS-21 | Figures are those of what happened, under a bounded number of labels | `figures_are_those_of_the_statistics` |
//! | LS-22 | Each alert of the guide is heard when it should, and else is not | `each_alert_is_heard_when_it_should`, `no_alert_is_heard_where_all_is_well` |
//! | LS-23 | A log line has the key, the beginning of the owner, how long it took and what went wrong | `the_log_says_what_the_events_say` |
//! | LS-24 | Every common mistake, made on purpose, is found | `every_mistake_is_found`, `every_clause_that_is_missing_in_a_script_is_found`, `every_clause_that_is_missing_where_a_holder_says_something_is_found`, `a_store_that_keeps_less_than_it_says_breaks_the_contract` |
//!
//! # Locks
//!
//! | rule | what holds | shown by |
//! | --- | --- | --- |
//! | LK-01 | Who waits says for how long, which is another thing than the lease, and is told who has it | `who_waits_long_enough_is_told_of_whom` |
//! | LK-02 | A guard that is dropped lets go | `a_guard_may_be_dropped_anywhere` |
//! | LK-03 | What the options say holds where the call says nothing | `options_hold_for_what_says_nothing_else` |
//! | LK-04 | Who is not told of its turn asks for it | `who_is_not_told_of_its_turn_asks_for_it`, `a_server_that_closes_the_connections_that_tell_whose_turn_it_is_costs_a_moment` |
//! | LK-05 | And gives up after so many times, if a number is set | `who_asked_so_often_gives_up` |
//! | LK-06 | A lock is extended while it is held, or is lost when its lease is over; and not for a holder that takes too long, or says nothing of its progress, where that was said | `a_lease_is_kept_for_as_long_as_it_is_held`, `a_lock_without_extension_is_lost_when_its_lease_is_over`, `a_job_is_extended_whatever_is_said_of_locks`, `who_holds_for_too_long_is_renewed_no_more`, `who_says_nothing_of_its_progress_is_renewed_no_more` |
//! | LK-07 | An interval that is too long for the lease is a third of it | `who_extends_it_often_lets_others_do_something`, `a_lease_is_renewed_before_a_third_of_it_is_over` |
//! | LK-08 | One scope takes a lock more than once, as often as it may; another one waits | `one_piece_of_work_takes_it_more_than_once`, `a_scope_takes_a_lock_as_often_as_it_may` |
//! | LK-09 | What is taken inside never shortens what is held outside | `a_shorter_lease_inside_does_not_shorten_the_one_outside` |
//! | LK-10 | Each reader has a lease of its own | `a_reader_that_died_delays_a_writer_by_its_own_lease_only` |
//! | LK-11 | Readers share, a writer is alone, and neither starves the other, unless a policy prefers one of them | `readers_share_and_a_writer_is_alone`, `neither_side_starves_the_other`, `who_comes_first_is_a_matter_of_policy`, `who_is_preferred_passes_those_who_wait_where_it_is_free` |
//! | LK-12 | A writer becomes a reader in one step; a reader that would wait for itself is told so | `a_writer_becomes_a_reader_and_nobody_writes_in_between`, `who_would_wait_for_itself_is_told` |
//! | LK-14 | Those of one process wait as one, for one call each, and leave their turn to others after a while | `each_costs_one_call_and_comes_in_its_turn`, `after_a_while_it_is_the_turn_of_another_process`, `who_waits_for_so_long_is_not_passed_for_ever` |
//! | LK-15 | That is so for `lock_pool_size` locks at a time | `there_is_room_for_so_many_locks` |
//! | LK-16 | Each grant has a fence of its own | `each_has_it_alone_under_a_fence_of_its_own` |
//! | LK-17 | Several servers that know nothing of one another are a store like any other | `leases_over_three_servers_keep_the_contract` |
//! | LK-18 | What is due together is renewed together, over a quorum as well | `a_thousand_leases_are_renewed_in_some_twenty_calls_each_time`, `what_is_renewed_at_a_moment_is_one_call_to_each_server` |
//! | LK-19 | Who comes first gets it first; who died, or waits no more, is in nobody's way | `who_comes_first_gets_it_first`, `who_died_in_line_is_passed`, `who_waits_for_so_long_is_in_nobodys_way_for_longer` |
//! | LK-20 | Several locks are taken in one order by everybody, all of them or none: each name has a slot of its own, so each is a call of its own | `all_of_them_or_none_in_whichever_order_they_are_named` |
//! | LK-21 | The lock service of steps is a lock of that name, and a library of your own can be one | `locks_in_memory_keep_the_contract_of_the_service`, `locks_in_redis_keep_the_contract_of_the_service` |
//!
//! # Several servers
//!
//! | rule | what holds | shown by |
//! | --- | --- | --- |
//! | QL-01 | What most servers say within the time decides, for every combination of answers | `most_servers_decide_and_nothing_is_left_of_an_attempt_that_fails` |
//! | QL-02 | Nothing is left of an attempt that failed, also where a server did it later | `what_a_server_did_not_free_is_freed_later`, `what_frees_an_attempt_that_failed_does_not_free_the_next_one` |
//! | QL-03 | A lease stays while most servers know it, and is lost without them | `a_lease_stays_without_one_of_three_servers_and_not_without_two`, `a_server_that_forgot_is_given_it_again_while_most_know_it` |
//! | QL-04 | It is given back on all of them, and one that had lost it is no error | `leases_over_three_servers_keep_the_contract`, `a_call_that_is_given_up_is_freed` |
//! | QL-05 | A server that hangs is not waited for | `a_server_that_hangs_makes_nothing_slower`, `a_server_behind_a_black_hole_is_not_waited_for_and_is_put_right_later` |
//! | QL-06 | A server that started has no vote until what it may have forgotten is over | `a_server_that_started_does_not_vote_until_what_it_forgot_is_over`, `a_server_that_lost_its_data_does_not_let_a_second_owner_in` |
//! | QL-07 | The fence rises over all tenures, whichever servers are away; whoever looks is told that of the grant | `fences_rise_over_all_tenures_whichever_servers_are_away`, `without_the_second_phase_they_do_not`, `who_looks_is_told_the_fence_of_the_grant_whoever_was_late` |
//! | QL-08 | A clock that jumps on fewer than half of the servers lets nobody in, and nobody loses anything | `a_clock_that_jumps_on_one_server_lets_nobody_in`, `a_clock_of_one_of_three_servers_that_is_set_lets_nobody_in_and_loses_nothing` |
//! | QL-09 | Most servers agree on who has a name, not on how many: no queue is built on them | `ql_09_a_quorum_is_no_queue` |
//! | QL-10 | Servers that are one, or have replicas, are refused by name | `two_addresses_of_one_server_are_refused_by_name`, `servers_with_replicas_are_refused` |
//!
//! # Jobs that one process runs
//!
//! | rule | what holds | shown by |
//! | --- | --- | --- |
//! | SJ-01 | Of many processes one runs it | `of_five_processes_one_runs_it`, `o6_of_five_that_are_submitted_at_once_one_runs_and_the_others_are_told_which` |
//! | SJ-02 | The others skip, wait or fail, as they say; a start of a task is refused, and told which saga runs, or waits | `who_comes_while_it_runs_skips_waits_or_fails`, `o6_a_start_waits_for_as_long_as_it_was_told_to` |
//! | SJ-03 | A run that loses its lease is dropped, and what it came to is not told | `a_run_that_loses_its_lease_is_dropped_and_comes_to_nothing`, `a_lease_that_is_lost_in_a_step_drops_it_and_the_saga_goes_on_when_it_has_it_again` |
//! | SJ-04 | A run has a longest time; a short one keeps others out for as long as it says, and so does a saga | `a_run_that_takes_too_long_is_dropped`, `a_run_that_was_short_is_not_repeated_at_once`, `a_run_that_was_short_is_not_repeated_for_many_leases`, `o6_a_short_saga_keeps_others_from_starting_for_as_long_as_its_task_says`, `a_hold_that_is_shorter_than_the_lease_is_over_when_it_says`, `a_hold_outlives_the_host_and_those_who_look_into_no_journal_respect_it`, `a_saga_that_takes_longer_than_its_hold_is_free_at_once`, `a_start_of_which_nothing_was_written_keeps_others_out_for_the_lease_of_one_only`, `o6_a_hold_over_redis` |
//! | SJ-05 | When its process dies, another one runs it, and is told how many before it were cut off; or goes on with the same saga | `a_run_is_told_how_many_before_it_were_killed`, `a_run_is_told_how_many_before_it_were_cut_off`, `a_run_that_keeps_others_out_has_ended_all_the_same`, `who_follows_a_run_that_was_cut_off_is_told_so_whichever_servers_are_away`, `a_worker_that_dies_is_followed_by_another_that_goes_on_with_the_same_saga` |
//!
//! # Elections
//!
//! | rule | what holds | shown by |
//! | --- | --- | --- |
//! | LE-01 | One of many leads; when it resigns another one does | `one_of_many_leads_and_another_follows_it` |
//! | LE-02 | Work ends with the leadership, and is told why | `work_ends_with_the_leadership_and_is_told_why` |
//! | LE-03 | What runs where its process leads begins again elsewhere; while the store is away it asks seldom | `work_begins_again_after_a_loss`, `who_cannot_reach_the_store_asks_seldom_and_does_not_give_up` |
//! | LE-04 | Two names of one option say the same, or are refused | `both_names_of_the_lease_say_the_same_or_are_refused` |
//! | LE-05 | A renewal that is late is warned of; one that leaves no room for a try is refused | `a_late_renewal_is_warned_of_and_one_that_is_too_late_refused` |
//! | LE-06 | A callback runs beside the lease, is told to end, and steps down when it fails | `a_slow_callback_costs_nobody_the_leadership`, `what_runs_for_a_leader_is_told_to_end`, `a_callback_that_fails_steps_down_and_stands_again` |
//! | LE-07 | Callbacks come in pairs, in order, each within its limit | `callbacks_come_in_pairs_whatever_happens`, `a_callback_that_does_not_end_is_dropped_after_the_limit` |
//! | LE-08 | Work is told what it leads, by which fence, and when to end | `the_context_says_what_is_led_and_when_to_end` |
//! | LE-09 | Who looks sees who leads, and changes nothing | `whoever_looks_sees_who_leads_and_changes_nothing` |
//! | LE-10 | Candidates and servers are two kinds of quorum; which one is missing is told | `a_store_that_knows_no_candidates_counts_none` |
//! | LE-11 | With a least number of candidates one leads only while it sees so many; and with a least number of servers only while so many say so | `who_sees_too_few_steps_down_and_leads_again_when_there_are_enough`, `candidates_are_those_whom_most_servers_know`, `where_more_are_needed_fewer_grant_nothing_and_nothing_is_left_of_it`, `a_lease_that_all_of_three_servers_have_to_grant_comes_and_goes_with_each_of_them`, `a_lease_that_all_servers_have_to_renew_is_lost_without_one_of_them`, `where_all_have_to_grant_one_that_remembers_keeps_a_second_owner_out`, `a_server_that_forgot_is_given_it_again_where_all_have_to_renew`, `a_number_of_servers_that_makes_no_sense_is_refused_with_what_to_write` |
//! | LE-12 | Who misses three beats is gone, until it beats again | `who_is_silent_is_gone_after_three_beats_and_comes_back`, `a_candidate_that_is_stopped_is_gone_until_it_goes_on` |
//! | LE-20 | What an event says can be read by then | `events_come_after_what_they_tell_of` |
//! | LE-21 | The end of a tenure is told when it is over here, once, with its cause | `events_come_after_what_they_tell_of`, `callbacks_come_in_pairs_whatever_happens` |
//! | LE-22 | Who only follows sees one leader after the other | `who_follows_sees_one_leader_after_the_other`, `who_does_not_stand_sees_one_leader_after_the_other` |
//! | LE-23 | Two that are called the same are two | `candidates_of_one_name_are_two` |
//! | LE-24 | Whether one leads is read from the clock, each time | `whether_it_leads_is_read_from_the_clock` |
//! | LE-25 | Who was seen to lead is told with how long ago that was | `a_store_that_is_away_is_told_of_and_asked_seldom` |
//! | LE-26 | A process stands once, and again after it has stopped | `a_process_stands_once_and_again_after_it_has_stopped` |
//! | LE-27 | Work ends, then the leadership here, then in the store; where work does not end the lease runs out | `who_stops_waits_for_what_runs`, `what_does_not_end_in_time_is_dropped_and_the_lease_runs_out`, `leaders_never_overlap_while_processes_are_restarted` |
//! | LE-28 | What is told can be written and read | `what_is_told_can_be_written_and_read` |
//! | LE-29 | A snapshot is of one moment; a watcher misses what is between, never the newest; a failure to ask is told | `a_snapshot_is_of_one_moment`, `a_store_that_is_away_is_told_of_and_asked_seldom` |
//! | LE-30 | A lease is 15 s where nothing is said | `what_is_left_out_is_what_others_have_as_well` |
//! | LE-31 | And renewed after 5 | `what_is_left_out_is_what_others_have_as_well` |
//! | LE-32 | Who follows looks every 2 s, and is told sooner when the leader stops | `who_follows_is_told_that_the_leader_has_stopped`, `who_follows_leads_when_the_lease_of_a_crashed_leader_is_over` |
//! | LE-33 | An outage is borne for the grace period, which is 5 s, or what the lease has room for | `an_outage_is_borne_for_the_grace_period`, `the_grace_period_is_what_the_lease_has_room_for` |
//! | LE-34 | What a process is called is the beginning of what a candidate is called | `candidates_of_one_name_are_two` |
//! | LE-35 | Health counts where it is wanted | `health_counts_where_it_is_wanted` |
//! | LE-36 | Who is just healthy enough leads | `who_is_just_healthy_enough_leads` |
//! | LE-37 | Who falls ill is followed, stands on, and leads again when it has been well for a beat, and not within a lease where others stand; where nobody else does it may lead all the same, if that was said | `who_falls_ill_is_followed_and_leads_again_later`, `who_is_well_for_a_moment_only_does_not_lead`, `who_was_ill_for_a_moment_only_waits_all_the_same`, `who_falls_ill_and_is_well_at_once_steps_down_all_the_same`, `who_stepped_down_ill_lets_others_lead_for_a_lease`, `who_is_ill_leads_only_where_it_is_alone_and_may` |
//! | LE-38 | Each is seen with what it says of itself, up to 4 KiB; who is to be preferred leads next | `each_is_seen_with_what_it_says_of_itself`, `leases_in_redis_keep_the_contract`, `who_is_to_be_preferred_leads_next`, `who_does_not_come_to_lead_is_given_way_to_for_three_looks`, `who_steps_down_lets_others_lead`, `who_cannot_be_told_who_stands_asks_all_the_same` |
//! | LE-40 | One candidacy for each election of a process: a second one is an error | `a_process_stands_once_and_again_after_it_has_stopped` |
//! | LE-41 | Only who stands with a health says how healthy it is: a plain candidacy has nothing to say it with, as an example of [`HealthReporter`] shows that does not compile | `who_is_just_healthy_enough_leads` |
//! | LE-42 | What one process leads, a hundred elections at a time, another one takes over | `what_one_process_leads_another_takes_over`, `a_hundred_elections_that_a_killed_process_led_are_taken_over` |
//! | LE-44 | Any text is a name, and no election is a lock | `an_election_shares_no_name_with_a_lease_or_another_election` |
//! | LE-45 | It is the same code over every store: these tests run in memory and in Redis | `one_of_many_leads_and_another_follows_it`, `leases_over_three_servers_keep_the_contract` |
//! | LE-46 | Who does not say where leases are kept is told what to call | `what_is_missing_is_named` |
//! | LE-47 | One builder, and all else is made from what it opens: elections, locks, jobs, health, and what ends with the program | `each_shape_works_over_each_store` |
//! | LE-48 | The rooms of coordination name no store, and `FEATURES=each .ci/run` builds each feature alone | `imports_go_down_only` |
//! | LE-50 | Who says that it is ill leads no more, at once, whether or not the store answers; what else it says is seen at once by whoever asks, and by those who stand within a beat | `who_is_ill_leads_no_more_while_the_store_is_away`, `what_one_says_of_itself_may_change` |
//! | LE-51 | Of all candidates one leads: the lease is asked, and not what they said | `after_a_takeover_exactly_one_leads` |
//! | LE-52 | Who leads and falls ill steps down | `who_falls_ill_is_followed_and_leads_again_later` |
//! | LE-53 | Who is ill does not come to lead, also where it fell ill while it was granted | `who_is_just_healthy_enough_leads`, `who_falls_ill_while_it_is_granted_does_not_lead` |
//! | LE-60 | A stop that nobody waits for is a stop | `who_waits_no_longer_for_the_end_has_stopped_all_the_same` |
//! | LE-61 | Who looks before each item gives back what it may not run any more, to a [`Queue`] in memory or in Redis | `what_a_leader_may_not_run_any_more_it_gives_back` |
//! | LE-62 | A projection looks before each event and goes on at its checkpoint, which refuses who led before | `a_projection_goes_on_at_the_checkpoint_when_the_process_that_leads_is_killed`, `a_checkpoint_of_who_led_before_is_refused` |
//! | LE-63 | An outbox, a nightly job, a projection, a cache and a service are programs to run, each as processes of which one is killed | `one_sends_and_another_one_goes_on_when_it_is_killed`, `a_report_is_written_once_each_night_and_again_when_its_writer_is_killed`, `a_projection_goes_on_at_the_checkpoint_when_the_process_that_leads_is_killed`, `a_cache_is_warmed_by_one_and_what_is_missing_by_another_one_when_that_is_killed`, `a_service_runs_in_one_process_and_in_another_one_when_that_is_killed` |
//! | LE-64 | Health is that somebody is seen to lead | `health_is_that_somebody_leads` |
//! | LE-65 | An election has figures of its own | `an_election_has_its_figures` |
//! | LE-66 | What follows from options is told in four numbers | `what_follows_is_told_in_numbers` |
//! | LE-67 | A candidate follows, asks, leads and releases, and is in one of these at a time | `a_candidate_leads_releases_and_follows` |
//!
//! # Looking after them
//!
//! | rule | what holds | shown by |
//! | --- | --- | --- |
//! | LM-01 | All that were acquired are held, or have ended in one way, in the counts of a process and in the sums of those that tell them | `counts_add_up`, `counts_of_all_processes_are_summed`, `who_died_is_counted_for_three_intervals_and_no_longer`, `statistics_are_summed_over_several_servers` |
//! | LM-02 | Names are told that any process has, some at a time, and who shares one; of each what kind it is, which process has it, and what its holder says, which ends with the tenure; a scope tells how often it has one | `active_locks_are_those_of_all_processes`, `what_most_servers_know_is_told_while_one_is_away`, `an_operator_takes_a_share_away`, `what_a_holder_says_is_told_to_all_processes`, `whoever_has_a_name_alone_says_what_it_does`, `what_was_said_is_not_handed_over`, `who_has_lost_it_says_nothing_any_more`, `what_most_servers_were_told_of_a_lease_is_told`, `whether_most_servers_were_told_is_said_or_that_nobody_knows`, `what_kind_of_name_it_is_is_told`, `a_scope_tells_how_often_it_has_a_lock` |
//! | LM-03 | Those without an end, those held for long, and those whose process tells nothing any more are told apart | `what_is_held_for_long_is_stale`, `what_others_wrote_is_stale_and_a_check_leaves_one_key`, `who_has_a_lock_and_tells_nothing_any_more_is_stale` |
//! | LM-04 | An operator takes a name away by its fence, or a share from its owner, and its holder is told so | `an_operator_takes_it_away`, `a_holder_over_a_quorum_is_told_that_an_operator_did_it`, `an_operator_takes_a_share_away` |
//! | LM-05 | How names are fought for is told by class: who waits now, for how long others did, how long a hand-over takes, and which names are waited for longest | `contention_is_told_by_class`, `who_waits_is_told_and_how_long_a_hand_over_takes`, `contention_is_told_as_it_was` |
//! | LM-06 | That it takes too long is told once for each time | `contention_is_told_once_for_each_time_that_it_is_high` |
//! | HC-01 | A health check tries it, in nobody's way | `a_health_check_disturbs_nobody` |
//! | HC-02 | And looks at the elections in which the process stands, at no others | `elections_are_looked_at` |
//! | HC-03 | A store that is slow, deaf, wrong or silent, or a server of it whose clock jumped, or that may lose leases as it is set by now, is told apart | `a_store_that_is_ill_is_told`, `a_store_that_cannot_tell_whose_turn_it_is_is_told`, `a_store_whose_clock_jumps_is_told`, `a_clock_of_a_server_that_is_set_is_told_by_a_health_check`, `a_health_check_says_which_clock_of_three_jumped`, `a_clock_that_jumped_while_its_server_was_away_is_told_when_it_is_back`, `a_server_that_may_lose_leases_as_it_is_set_by_now_is_told` |
//! | PO-01 | Only what runs in the background is put together: renewals, and that candidates stand; what one of these has to say at once waits for nobody, and who leaves waits half a second for what it said before | `a_thousand_leases_are_renewed_in_some_twenty_calls_each_time`, `a_hundred_candidates_of_a_process_beat_in_two_calls_each_time`, `what_candidates_say_at_once_waits_for_nobody_and_is_one_call`, `who_leaves_while_its_beat_is_under_way_does_not_stand_again` |
//! | PO-02 | So many names are one call, to each server of several | `batches_are_as_large_as_they_may_be`, `a_hundred_candidates_of_a_process_beat_in_two_calls_each_time`, `what_is_said_at_a_moment_is_one_call_to_each_server_and_each_name_is_decided_by_itself`, `beats_to_each_server_are_as_many_in_a_call_as_was_said` |
//! | PO-03 | And none is renewed, or heard, too late for it | `batches_are_as_large_as_they_may_be`, `a_hundred_candidates_of_a_process_beat_in_two_calls_each_time` |
//! | DG-01 | A trace has how a name was waited for, and how it was held | `a_trace_says_how_a_lock_was_waited_for_and_held` |
//! | DG-02 | Each change of an election is logged once | `each_change_of_an_election_is_logged_once` |
//! | DG-03 | Log and events say the same, one for one | `the_log_says_what_the_events_say`, `each_change_of_an_election_is_logged_once` |
//! | CF-01 | Options can be read from a file; all that is wrong with them is told at once | `all_that_is_wrong_with_options_is_told_at_once` |
//! | CF-02 | One handle, of which a clone is the same | `each_shape_works_over_each_store` |
//!
//! # What others had
//!
//! Bugs that users of other libraries and servers reported, and what shows that they are not here. So that the
//! suites stay able to see them, some are put in again: `every_mistake_is_found` has stores and clients with a
//! mistake, and `every_clause_that_is_missing_in_a_script_is_found` takes the clauses out of the scripts one by one.
//!
//! | what others had | where | shown by |
//! | --- | --- | --- |
//! | A lock is not renewed any more though it is held | Redisson [#5698][r5698]; BullMQ [#3183][b3183], where the program was busy | `a_lease_is_kept_for_as_long_as_it_is_held`, `a_holder_that_blocks_its_runtime_loses_nothing` |
//! | A lock is renewed for ever, though nobody has it any more | Redisson [#2714][r2714], [#7272][r7272] | `who_does_not_wait_any_more_has_nothing`, `a_grant_that_nobody_heard_of_is_given_back`, `what_is_let_go_is_free_at_once` |
//! | Nobody is told that a lock was lost | Redisson [#3636][r3636]; RedLock.net [#92][n92] | `a_lease_that_is_taken_away_is_lost_with_the_next_renewal`, `a_network_that_drops_everything_costs_a_lease` |
//! | Who died in line holds up those behind it, for longer with each | Redisson [#1104][r1104], [#2099][r2099], [#3730][r3730] | `who_died_in_line_is_passed`, `who_waits_for_so_long_is_in_nobodys_way_for_longer`, `every_clause_that_is_missing_in_a_script_is_found` |
//! | Readers keep one alive that died | Redisson [#1458][r1458], [#7098][r7098] | `a_reader_that_died_delays_a_writer_by_its_own_lease_only` |
//! | Two who take several locks wait for each other | Redisson [#4050][r4050] | `all_of_them_or_none_in_whichever_order_they_are_named` |
//! | Extending a lock brings back one that was lost | redlock-rb [#36][rb36] | `renewing_fails_after_expiry`, `what_most_servers_forgot_is_lost_and_is_not_brought_back` |
//! | A lock is granted that is over by then | node-redlock [#296][nr296]; etcd [#9921][e9921], [#11456][e11456] | `a_grant_that_comes_later_than_its_lease_is_none`, `what_was_granted_too_late_is_not_granted`, `every_mistake_is_found` |
//! | A client keeps itself out with what it was granted and did not hear of | node-redlock [#369][nr369] | `a_grant_that_nobody_heard_of_is_given_back`, `a_grant_that_was_not_heard_keeps_nobody_from_leading` |
//! | Giving back what is over is an error | node-redlock [#65][nr65], [#362][nr362] | `only_who_holds_it_releases_it`, `leases_over_three_servers_keep_the_contract` |
//! | That a server refuses to write goes unnoticed | node-redlock [#11][nr11] | `a_server_without_room_refuses_and_is_not_busy`, `a_server_that_cannot_write_to_its_disk_costs_a_lease_in_time` |
//! | One server of several that hangs is waited for | redsync [#140][rs140] | `a_server_that_hangs_makes_nothing_slower` |
//! | Servers of one cluster are counted as several | redis-plus-plus [#44][pp44] | `two_addresses_of_one_server_are_refused_by_name`, `servers_with_replicas_are_refused` |
//! | A fail-over lets a second one in, and nothing tells the two apart | Redis [#6062][re6062] | `a_replica_that_missed_the_grant_grants_again_under_a_higher_fence`, `a_grant_that_a_replica_has_to_have_is_none_without_it`, `replicas_of_another_server_than_that_which_granted_count_for_nothing`, `servers_with_replicas_are_refused` |
//! | A connection that is dead is not noticed, nor is one for messages | redis-rs [#275][rr275], [#404][rr404] | `a_connection_that_only_times_out_is_replaced_within_a_second`, `a_silent_subscription_is_made_anew` |
//!
//! [r5698]: https://github.com/redisson/redisson/issues/5698
//! [r2714]: https://github.com/redisson/redisson/issues/2714
//! [r7272]: https://github.com/redisson/redisson/issues/7272
//! [r3636]: https://github.com/redisson/redisson/issues/3636
//! [r1104]: https://github.com/redisson/redisson/issues/1104
//! [r2099]: https://github.com/redisson/redisson/issues/2099
//! [r3730]: https://github.com/redisson/redisson/issues/3730
//! [r7098]: https://github.com/redisson/redisson/pull/7098
//! [rr275]: https://github.com/redis-rs/redis-rs/issues/275
//! [rr404]: https://github.com/redis-rs/redis-rs/issues/404
//! [r1458]: https://github.com/redisson/redisson/issues/1458
//! [r4050]: https://github.com/redisson/redisson/issues/4050
//! [b3183]: https://github.com/taskforcesh/bullmq/issues/3183
//! [n92]: https://github.com/samcook/RedLock.net/issues/92
//! [rb36]: https://github.com/leandromoreira/redlock-rb/issues/36
//! [nr296]: https://github.com/mike-marcacci/node-redlock/issues/296
//! [e9921]: https://github.com/etcd-io/etcd/issues/9921
//! [e11456]: https://github.com/etcd-io/etcd/issues/11456
//! [nr369]: https://github.com/mike-marcacci/node-redlock/pull/369
//! [nr65]: https://github.com/mike-marcacci/node-redlock/issues/65
//! [nr362]: https://github.com/mike-marcacci/node-redlock/pull/362
//! [nr11]: https://github.com/mike-marcacci/node-redlock/issues/11
//! [rs140]: https://github.com/go-redsync/redsync/issues/140
//! [pp44]: https://github.com/sewenew/redis-plus-plus/pull/44
//! [re6062]: https://github.com/redis/redis/issues/6062
//!
//! # Not kept
//!
//! Numbers are stable, and these have none of what their name would promise, or not all of it:
//!
//! - LK-13: there is no way without scripts. A grant, its fence and the line are one step, or they are nothing.
//!   Options that ask for one are refused, and told to leave that out.
//! - LE-02 beyond what is above: a clock that was set is told of by a health check, and is no cause of a loss.
//! - LE-10 and LE-11 beyond what is above: `require_quorum` is off and `min_candidates` unset where nothing is said: with
//!   three that must stand, two processes would never have a leader.
//! - LE-44 beyond what is above: keys are those of the namespace; no raw key can be given.
//! - LM-02 beyond what is above: how often a scope took a lock is told in its process only. Who shares a name says
//!   nothing of it, and what a leader says of itself is told of candidates. Over a quorum, servers that lost a tenure
//!   and got it again do not know what was said; once these are most, nothing is told until its holder says more.
//! - PO-02 beyond what is above: a cluster of Redis is refused, so nothing is gathered by its nodes.
//! - LE-43: the stores are those above; the guide says how others fit.
//! - SJ-04 for tasks: the longest time of a saga is its `timeout`, which does not count past the pivot.
//! - SJ-05 beyond what is above: over a quorum it may be told of fewer than were cut off, where a server lost what it
//!   knew; and of more, where one did not hear that a run ended, did not begin, or which attempt it is. A saga is not
//!   told: another process goes on with it.
//! - QL-08 beyond what is above: a renewal does not compare clocks. One whose server's clock freed the name says so
//!   by itself; one whose name is still there has lost nothing. A health check compares them, and says of which
//!   server it was.
//! - LS-15 where the clock of a server goes back: what a dead process had is free that much later
//!   (`what_a_dead_process_had_is_kept_for_as_long_as_the_clock_went_back`), unless an operator frees it.
//! - LM-01 for processes that have ended: their counts end with them. Whoever collects the figures keeps those.
//! - LM-03 where the work of a holder is over: a lease ends with its guard, so nothing renews it then.
//!
//! [`Queue`]: crate::queue::Queue
//! [`HealthReporter`]: crate::coordination::HealthReporter
