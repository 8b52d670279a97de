//! What holds under which fault, and the tests that show it.
//!
//! Numbers are those of the [rules](super::semantics). The names behind a sentence are tests of this
//! repository: `cargo test --workspace --all-features <name>` runs one of them. Most of them
//! are sweeps: one story for every write to the journal, with a fault before it and a fault after
//! it, judged by an oracle that shares no code with the engine. Each sweep has its controls: something
//! is broken on purpose, and the oracle has to find it.
//!
//! *Durable* means: as far as the journal goes. [`MemoryJournal`](crate::backend::memory::MemoryJournal)
//! is `Volatile`: it goes with its process. `SqliteJournal` (feature `sqlite`) is `Fsync`: what was
//! answered is on the disk; or `Process`, if you say so: what was answered survives the process, and
//! the last moments before a loss of power do not. `RedisJournal` (feature `redis`) is what its server
//! is: [there](super::redis) is what holds when it, or a process, fails.
//!
//! # A step fails, hangs or panics
//!
//! | what holds | shown by |
//! | --- | --- |
//! | A failure that is not a refusal is tried again, as often and as late as the step says | `r1_a_failed_attempt_is_tried_again_after_a_growing_wait`, `r2_a_long_wait_is_a_timer_of_the_journal_and_takes_no_slot` |
//! | An attempt that timed out, panicked or failed for good may have happened: its step is undone, too | `e4_used_up_retries_end_unknown_and_the_step_itself_is_undone`, `t1_a_step_that_runs_too_long_is_unknown_tried_again_and_then_undone`, `e1_a_panic_is_caught_and_counts_as_an_unknown_attempt` |
//! | A refusal says that nothing remains: that step is not undone, those before it are, in reverse | `c4_undo_runs_backwards_c2_with_what_was_journaled_and_c1_a_refused_step_needs_none` |
//! | Nothing is undone while the step may still be running | `c3_nothing_is_undone_while_a_plain_fn_still_works`, `c3_an_engine_that_undoes_while_a_lost_attempt_may_run_on_is_found` |
//! | An undo that fails is tried again, and at last waits for an operator: it is never skipped | `c5_an_undo_that_fails_is_tried_again_before_the_next`, `c7_an_undo_that_only_an_operator_can_help_leaves_the_saga_stuck` |
//! | What runs `at_most_once` never runs a second time by itself; its probe is asked instead | `e3_what_runs_at_most_once_is_not_tried_again_and_its_undo_knows_nothing`, `e3_a_probe_is_asked_before_the_step_is_run_again_and_its_answer_is_the_outcome` |
//! | A pivot of which nobody knows whether it happened is neither repeated nor undone: it waits for somebody who knows | `p2_a_pivot_of_which_nobody_knows_is_parked_and_its_probe_asked_again_later`, `a_point_of_no_return` |
//! | A success that is heard of too late is undone again, or listed, and never silent | `c8_a_late_success_around_every_append_is_undone_again_or_told_but_never_silent` |
//!
//! # A process dies
//!
//! | what holds | shown by |
//! | --- | --- |
//! | Wherever it died, the next owner ends the saga well: nothing twice, nothing left that is not listed | `a_row_of_steps`, `a_group_that_fails_fast`, `a_group_that_waits_for_all`, `an_api_phase_with_uploads_and_something_ephemeral`, `steps_that_are_not_simply_run_again` |
//! | So it is when the next one dies as well, and the one after that | `two_crashes_in_one_saga`, `three_crashes_in_one_saga` |
//! | A start, a cancel or a word of an operator that was answered is heeded | `a_cancel_around_every_append_and_a_crash_around_every_append`, `inv10_a_letter_that_a_crash_takes_away_is_missed` |
//! | A key has one open saga, whoever dies | `i2_schedule_a6_a_key_has_one_open_saga_whoever_dies_and_an_answered_start_keeps_it` |
//! | A start that was not answered is undone, not resumed | `i2_an_abandoned_start_does_not_hold_its_key` |
//! | A saga that kills its hosts is parked after five of them, and those beside it are not | `r3_the_fifth_death_in_a_row_parks_it_until_somebody_says_go_on`, `r3_schedule_b4_a_saga_that_kills_its_hosts_is_parked_and_those_beside_it_are_not` |
//! | With a journal in a file, the next process goes on: steps, waits, keys, what is parked and what is over | `a_saga_whose_process_is_killed_in_a_step_goes_on_with_that_step`, `a_saga_that_waits_for_a_retry_waits_on`, `a_key_means_the_same_saga_in_the_next_process`, `a_saga_that_is_parked_stays_parked_and_goes_on_when_somebody_says_so`, `what_is_in_rows_and_what_is_in_the_log_are_one_journal` |
//! | A shutdown lets the steps that run finish, and loses nothing | `shutdown_finishes_the_running_step_and_another_host_goes_on_from_there`, `a_step_that_outlasts_the_shutdown_is_interrupted_and_runs_again_elsewhere` |
//! | So it is on the disk: a crash before and after every write to the file, and a hundred `kill -9` at random moments, under load, by the books of the world outside | `inv3_inv5_a_crash_around_every_write_completes_what_was_begun_once`, `inv3_inv6_a_crash_around_every_write_leaves_nothing_of_what_went_back`, `a_hundred_kills_charge_nobody_twice_leave_nothing_reserved_and_end_every_order` |
//!
//! # Everything at once
//!
//! | what holds | shown by |
//! | --- | --- |
//! | Drawn tasks on hosts that die, stand still, come back and leave, over a store and a queue that lose, delay, repeat and reorder what is sent: the invariants hold, and when the faults stop every saga ends or says whom it waits for | `inv1_to_inv14_hold_in_drawn_schedules` |
//! | The same search finds what is broken on purpose | `schedule_a1_an_unguarded_release_is_found`, `a_claim_that_loses_tickets_is_found`, `a_commit_that_lands_after_the_take_over_is_found`, `a_reaper_that_orphans_sagas_is_found`, `inv2_an_effect_before_its_intent_is_found`, `inv7_an_undo_in_the_wrong_order_is_found`, `inv14_a_store_without_recovery_is_found` |
//! | Mistakes in steps and undos of your own are found by the [test kit](super::guide::testing), where they show at a write | `inv6_an_undo_that_is_not_idempotent`, `inv3_a_step_that_is_not_idempotent`, `inv6_an_undo_that_takes_unknown_for_nothing` |
//!
//! # A process stands still, longer than its lease
//!
//! | what holds | shown by |
//! | --- | --- |
//! | What it writes when it wakes is refused; what it knows arrives as a letter | `inv13_what_a_sleeper_writes_does_not_count_in_a_row_of_steps`, `inv13_what_a_sleeper_writes_does_not_count_in_groups_and_api_phases`, `j5_what_is_in_hand_when_the_seat_is_lost_is_told_to_the_next_owner` |
//! | What it still does outside, behind its undo, is kept out by the participant's barrier or undone again | `c8_what_a_sleeper_does_behind_its_undo_is_kept_out_or_undone_again` |
//! | A host that cannot renew its lease stops before another may take over | `f3_a_host_that_cannot_renew_stops_before_others_may_take_its_sagas` |
//! | It takes a new seat and goes on | `schedule_b17_a_host_that_lost_its_seat_goes_on_with_a_new_one` |
//!
//! # The disk
//!
//! | what holds | shown by |
//! | --- | --- |
//! | A tail that was half written is as if it had never been | `a_half_written_tail_is_as_if_it_had_never_been` |
//! | On a full disk new sagas are refused, and those that run wait until there is room | `a_journal_without_room_refuses_what_is_new_and_goes_on_when_there_is_room` |
//! | A file of another program, of a newer release or of a living process is left as it is | `a_file_of_another_program_is_left_alone`, `a_file_of_a_newer_release_says_which_format_it_has`, `a_journal_that_is_open_is_not_opened_again` |
//! | A pivot, or a step that runs `at_most_once`, is not built on a journal that may forget a little | `j6_schedule_a5_a_pivot_needs_a_journal_that_forgets_nothing_or_everything` |
//! | The store's time and its fences rise, also when the clock was set back | `f2_a_fence_is_higher_and_the_time_no_earlier_in_the_next_process` |
//! | What is over goes when its retention ends, and the file stops growing | `what_is_over_is_kept_for_its_time_and_the_file_does_not_grow_beyond_that` |
//!
//! # The journal does not answer
//!
//! | what holds | shown by |
//! | --- | --- |
//! | A saga goes on when it answers again, and no step runs twice for that | `a_saga_goes_on_when_the_journal_answers_again_and_no_step_runs_twice` |
//! | A write whose answer is lost is not a write that is lost, nor one that counts twice | `inv10_an_answer_that_is_lost_is_not_a_write_that_is_lost` |
//! | A start whose fate is unknown is not mistaken for another's | `i2_a_start_whose_fate_is_unknown_does_not_take_the_saga_of_another_for_its_own` |
//! | A shutdown ends in its time | `a_shutdown_ends_in_time_although_nothing_can_be_written` |
//!
//! # Messages and signals
//!
//! | what holds | shown by |
//! | --- | --- |
//! | A message of a queue that is lost comes again; one too many does nothing | `schedule_b8_a_message_that_was_lost_is_published_again_and_one_too_many_does_no_harm` |
//! | Signals that are lost cost time only | `schedule_b19_a_saga_is_claimed_and_its_end_is_heard_without_any_signal` |
//! | A foreign message is refused | `j4_v7_a_queue_brings_the_worker_messages_and_a_foreign_one_is_refused` |
//! | A wake-up for a host that is busy or dead goes on to another | `a_wake_up_that_comes_to_a_busy_host_goes_on_to_an_idle_one`, `schedule_b1_what_a_dead_seat_asks_for_goes_to_the_living` |
//! | Too many starts wait; what is under way is never kept out by them | `submit_waits_while_too_many_sagas_wait_for_a_worker`, `schedule_a7_a_wake_up_needs_no_room_and_goes_before_what_is_new` |
//!
//! # People
//!
//! | what holds | shown by |
//! | --- | --- |
//! | A cancel before the pivot turns the saga back; behind it, it is answered as too late | `k3_a_cancel_while_the_pivot_runs_is_too_late_when_the_pivot_succeeds`, `k3_a_cancel_past_the_pivot_is_too_late_also_when_one_was_recorded_before` |
//! | A kill ends a saga without undo, and names what remains | `k5_a_kill_around_every_append_ends_the_saga_and_names_what_remains` |
//! | Every word of an operator is written down with who and why | `every_word_of_an_operator_names_who_and_why` |
//! | Whoever waits for a saga that is parked or stuck is told so | `every_clone_of_a_handle_hears_that_its_saga_is_parked`, `d1_d4_r4_what_is_parked_or_stuck_is_listed_with_its_reason` |
//!
//! # Code changes
//!
//! | what holds | shown by |
//! | --- | --- |
//! | A saga follows the graph it began with | `v1_v2_v3_o3_a_new_release_finishes_what_an_old_one_began_along_the_old_graph` |
//! | A release without the code for it leaves it alone, visible | `v3_a_release_that_has_no_code_for_a_step_leaves_the_saga_alone`, `v3_what_no_code_here_covers_is_counted_by_definition` |
//! | What newer code cannot read parks the saga, and is not lost | `e2_d2_a_live_output_that_newer_code_cannot_read_parks_the_saga_wherever_it_is_read`, `d3_what_newer_code_could_not_read_goes_on_when_code_comes_that_can` |
//! | Records of an earlier release are read | `the_format_of_records_is_what_it_was` |
//!
//! # What you owe
//!
//! - Steps and undos are called *at least* once. What they call must know the key,
//!   [`idempotency_key`](crate::StepContext::idempotency_key), or not mind being called again (C6, I1).
//! - An undo comes also when nobody knows whether its step happened, and may come before it.
//! - The step's types must be readable by the next release, or the saga waits parked.
//!
//! # What is not promised
//!
//! - Exactly once, without the help of those who are called.
//! - Isolation: others see what a saga did before it is over (O5).
//! - That a disk keeps what it said it had flushed.
