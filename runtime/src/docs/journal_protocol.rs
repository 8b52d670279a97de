//! How a journal keeps the rules: places, seats, operations, commits, and what a crash leaves.
//!
//! For those who write a [`Journal`](crate::journal::Journal) or want to know what happens to a saga
//! when a process dies. The trait has the contract sentence by sentence, and
//! `conformance::journal` tests each of them.
//!
//! The memory journal keeps the whole protocol among the hosts that share it, which are all in one
//! process. Its class is `Volatile`: when the process ends, records, letters and timers are gone.
//!
//! # Places
//!
//! An open saga is in exactly one place, and an operation that moves it does so in one atomic step. So
//! no crash leaves a saga that nobody will look at (J7).
//!
//! ```text
//!  create ──▶ READY ◀───────────┬───────────────────┬─────────────────┐
//!               │          given back, reaped    due, letter        letter
//!               └──claim──▶ OWNED ────commit────▶ TIMED            PARKED
//!                             │                                      ▲
//!                             ├────────────────commit────────────────┘
//!                             └──commit──▶ ENDED
//! ```
//!
//! A saga that is over but not *settled* is `TIMED` until its window for late successes has passed: a
//! step was undone of which nobody knew whether it had happened (C8).
//!
//! | place | who acts next |
//! | --- | --- |
//! | ready | any host that has the code asks for tickets of that definition; new sagas at the back, woken ones at the front |
//! | owned | the seat that claimed it |
//! | timed | the journal, when a wait of more than 5 s is due |
//! | parked | an operator, or new code |
//! | carried | a message in a queue, when the deployment has one |
//!
//! A *ticket* in a ready list is a hint that a saga may need an owner. One too many does no harm: the
//! claim drops it.
//!
//! # Seats
//!
//! A host owns sagas through a *seat*, a lease in its name with a random id. The seat decides who may
//! append; the *fence* that each claim mints is for resources outside, and only rises. A seat lives
//! until it leaves or is reaped. Reaping needs a deadline that has passed, seen at two pulses by another
//! host; a renewal before that revives the seat, and nothing does after it. The memory journal's seats
//! have no deadline unless [`lease`](crate::backend::memory::MemoryJournalBuilder::lease) gives them
//! one: they die with the process anyway.
//!
//! # Operations
//!
//! | operation | in one atomic step |
//! | --- | --- |
//! | `define` | makes a definition known; signals every host if it was not, for one of them may cover its sagas |
//! | `admit` | waits for room for a new saga of a definition and reserves it |
//! | `create` | writes `Started` and what follows at once, and a ticket at the back; a known id, or a key whose latest start was not abandoned, writes nothing and answers what is known of that |
//! | `find` | what is known of an id: the fingerprint of its start and how far it got, from its records or its tombstone |
//! | `claim` | the seat lives? takes tickets, drops those of owned or ended sagas, owns the rest under new fences, and answers their records, letters and dead owners |
//! | `commit` | the seat lives and owns the saga, and the numbers fit? appends a group of records, deletes the letters it folds, moves the saga |
//! | `tell` | leaves a letter: counts once by its id, refused when the saga is over or the cancel comes too late; wakes a timed or parked saga. A saga that is over but not settled is told of late successes only |
//! | `pulse` | renews the seat, turns due timers into tickets, names seats that are overdue, hands tickets to a queue |
//! | `reap` | ends an overdue seat and gives its sagas back, to the front, with the dead owner noted |
//! | `leave` | gives the seat up, if it owns nothing |
//! | `read`, `list`, `late`, `audit` | look; `audit` also makes a ticket for a saga that is in no place, and leaves alone what is on its way |
//!
//! A commit is *guarded* when it intends the pivot, ends the saga, or takes it out of its owner's hands.
//! It is refused while a letter waits that it does not fold: it would decide without having read it.
//! So a cancel that was acknowledged is never overtaken by the pivot, and a letter that comes while its
//! saga goes to sleep wakes it.
//!
//! # Keys
//!
//! With an idempotency key the id of a saga follows from the key, so the saga itself is the key's memory
//! while it is open. At its end it leaves a *tombstone*: id, fingerprint, how it ended. Tombstones are
//! kept in two buckets by the time of the end, each as wide as the retention, so one lives between one
//! and two retentions, and a bucket is dropped at once (I3). The memory journal turns its buckets when
//! it looks at them; no timer runs
//! ([`retain_keys`](crate::backend::memory::MemoryJournalBuilder::retain_keys)).
//!
//! A start that is still in its API phase, or whose host died in it, is `Starting`: it is not accepted,
//! and a second start under its key has to wait. When it is undone it is `Abandoned` and does not hold
//! its key any more (schedule A6). Its owner hands it over with the group that moves it on with an intent, parks
//! it, turns it back for another cause than `Abandoned`, or ends it; a host that leaves in its API phase
//! abandons it. A host that has a free slot and waits for work may begin a saga without API steps in its own
//! hands, too, but not over a file: that one is accepted with its first group, and goes on elsewhere when its
//! owner is reaped.
//!
//! The start that follows an abandoned one has a new id and names the first one, whose id stands for the
//! key. In the same step the journal notes there which start is the latest, and keeps that note as long
//! as it knows anything of that one, then forgets both. So a key has one open saga, however many starts
//! were abandoned before, and whenever those are forgotten. For a store with partitions all ids under a
//! key have the same second half. In Redis the note is a field beside the sagas, and moves to the end
//! bucket with the latest start; in tables it is a row that goes with its tombstone.
//!
//! # Commits
//!
//! A group of records is what one decision yields. It is written whole or not at all, and what it
//! decides starts after the answer.
//!
//! | commit | holds |
//! | --- | --- |
//! | create | `Started`, the conditions of the first step, its intent |
//! | end of a step | `Ended`, the conditions up to the next step, its `Intended`; for a group, all intents at once. A host that leaves writes `Ended` alone |
//! | failed attempt | `Ended` with the time of the next one, which is also its intent |
//! | turn | `Ended` or `Received`, `Compensating`, the first undo intents |
//! | end | the last `Ended` and `Finished` |
//!
//! **N steps that go well cost N + 1 commits.** Each retry and each undo costs one more, and so does a host
//! that leaves before the end. Conditions, skipped steps, claims and reads cost none.
//!
//! # What a crash leaves
//!
//! In process the first column is a task that is dropped, shut down or loses its seat while others share
//! its journal.
//!
//! | gone | left behind | who goes on |
//! | --- | --- | --- |
//! | submitter, before or after `create` | nothing, or a ticket | nobody, or any host |
//! | API host before the hand-over | owned by a dead seat, intents written | reaped; undone by another host, cause `Abandoned`: what the caller streamed is lost, so it is never resumed |
//! | API host that leaves before the hand-over | turned back, cause `Abandoned` | any host |
//! | worker before, in or after an effect, before its commit | owned by a dead seat, intent written | reaped; the step runs again under the same key |
//! | worker after its commit | the records | the next owner |
//! | host that reaps or carries, half way | a part done; a ticket too many at most | the next pulse of any host |
//!
//! Two hosts may *think* that they own one saga until the stale one's next call. Only one can write, and
//! the fence tells resources. A host that could not renew its seat in time holds still until it has. One
//! that finds its seat gone drops what it held and takes a new seat under a new id; it asks again, ever
//! more rarely, until the journal gives it one (B17). What the stale one knows goes to the inbox as a letter (J5). A success that
//! comes when its saga is settled, or not known any more, reaches nobody: it is logged as an error and
//! listed by `late`, unless the saga completed (schedule B16).
//!
//! # Schedules
//!
//! Orders of events that would break a journal without the clause beside them. Their numbers are not
//! those of the [rules](super::semantics): a test says `schedule B1`, and a comment where the number of
//! a rule could be meant. Each of these is the name of a test.
//!
//! | schedule | what happens | what keeps it harmless |
//! | --- | --- | --- |
//! | A1 | the owner decides to sleep, and somebody says something before it is written | only the owner appends, anybody may tell; a guarded commit is refused while a letter waits |
//! | A2 | a host that was there first takes over from one that came later | a fence for each claim, higher than any before |
//! | A3 | a start, or an end and its ticket, are two calls with a crash between them | one call moves a saga; a queue only carries tickets |
//! | A4 | a store comes back without its last commits, and a host goes on behind the hole | the numbers of a seat, which a [remote journal](super::redis) looks at |
//! | A5 | a journal forgets that a step began which must not run twice | a task that cannot bear it is not built on such a journal |
//! | A6 | the host that streams a caller's bytes dies half way | it owns the saga from the first record on; undone, never resumed |
//! | A7 | the room is full of new sagas, and one that waits must be woken | room limits starts alone; what is woken goes first |
//! | B1 | a seat that was reaped wakes and asks for sagas | a claim looks whether the seat lives, before it takes anything |
//! | B3 | a process with many tasks sends a pulse for each | all seats of a process beat at the same moment, and that is one command |
//! | B4 | one saga kills its hosts, and with them every saga beside it | deaths since the last record; one suspect at a time |
//! | B5 | sagas for which no host has code | a ready list for each definition |
//! | B6 | a key is used again when its saga is over, or very old | the open saga is the memory of its key, then a tombstone |
//! | B7 | a queue waits for the end of a long saga to have its message back | acknowledged when the claim is recorded |
//! | B8 | a queue loses a message, or brings one twice | the ready list is the outbox: carried tickets come back after a minute |
//! | B9 | a cancel comes before the first claim | a claim brings the letters, and an intent that nobody began is withdrawn |
//! | B10 | a kill, or a word, when no host has the code | any host may claim a saga to do what needs no code |
//! | B11 | an ephemeral step fails, and what follows it counts as begun | an intent is written when its step is the next to start |
//! | B12 | a crash between a failure and its retry | they are one record |
//! | B13 | a saga in a ready list is over its deadline | the next owner judges it |
//! | B14 | a saga is in no place, through damage from outside | the audit gives it a ticket |
//! | B15 | a lost attempt has no limit of time, and its undo would wait for ever | every step has a limit: its own, that of its task, or 10 min |
//! | B16 | a success is heard of when its saga is over, or forgotten | it is not settled for a while, and listed after that |
//! | B2 | a fail-over ends the connections by which processes are seen | a seat dies of its deadline; where sight is asked for, at two looks and in silence only, in the [journal in Redis](super::redis#when-a-process-dies) |
//! | B17 | everybody sleeps for longer than the lease | a seat dies by being reaped, not by the time; no renewal brings it back |
//! | B18 | a large value lies in a batch with many small ones | beyond 1 MiB it goes in a call of its own; beyond 16 MiB its saga parks and says that it belongs in a file |
//! | B19 | the last event is lost on its way to a watcher | after a silence the journal is asked |
//! | B20 | an explicit claim costs a round trip | one for each saga, and none for each step; none at all where a host that waits for work begins the saga itself |
//!
//! # Lost replies and lost commits
//!
//! The store of the [journal in Redis](super::redis) is elsewhere; its own schedules are on that page. In
//! half of the schedules of the simulation the store is remote as well: its clients number what each seat commits and claims, and repeat under the
//! same number what was not answered, and the store looks at the numbers. In some schedules it also fails over to a replica that lacks the
//! last operations. There the class is `Process`, and what must hold is less: the records of each saga
//! fit together, it has one owner at a time, and it ends.
//!
//! | what | test |
//! | --- | --- |
//! | with such a client, that store keeps the contract of every journal | `a_remote_store_keeps_the_contract` |
//! | the same number is answered with the same reply | `the_same_number_is_answered_with_the_same_reply` |
//! | a number out of turn shows that something was lost | `a_number_out_of_turn_diverges_and_nothing_is_written` |
//! | it shows in a pulse, too | `a_pulse_diverges_that_knows_of_more_than_the_store` |
//! | a reaped seat is refused, whatever it was answered before | `a_seat_that_was_reaped_is_fenced_before_it_is_answered_again` |
//! | the engine bears lost requests, lost replies and lossy fail-overs | `inv1_to_inv14_hold_in_drawn_schedules` |
//!
//! # Mutations
//!
//! What a journal or an engine could do wrong, and the tests that find it when it is done on purpose:
//! in drawn schedules, by the invariant that it breaks; and as a breach of the contract, by the rule
//! that says so, in `what_would_lose_or_share_a_saga_is_caught` and its neighbours.
//!
//! | what is wrong | what comes of it | found by | and in the contract |
//! | --- | --- | --- | --- |
//! | a commit does not look at its batch number | an outcome is written behind a hole (INV4) | `a_commit_behind_a_hole_is_found` | not there: numbers are a matter between a remote journal and its store |
//! | neither claim nor commit looks at the number of the claim before | two owners after a lossy fail-over (INV13) | `an_owner_whose_claim_was_lost_is_found` | not there, for the same reason |
//! | nor does a pulse look at the numbers | an owner with nothing to write never learns that it owns nothing (INV14) | `a_loss_that_only_a_pulse_could_show_is_found` | not there, for the same reason |
//! | a release is not guarded | mail that came just before lies unread (INV10) | `schedule_a1_an_unguarded_release_is_found` | `what_would_lose_or_share_a_saga_is_caught` |
//! | a reaper ends the seat behind its sagas | a commit lands after the take-over (INV13) | `a_commit_that_lands_after_the_take_over_is_found` | `what_would_lose_or_share_a_saga_is_caught` |
//! | a reaper strikes the seat first, and dies between two pages | the other pages have no owner for ever (INV14) | `a_reaper_that_orphans_sagas_is_found` | `what_would_lose_or_share_a_saga_is_caught` |
//! | a claim takes tickets before it looks at its seat | they are lost (INV14) | `a_claim_that_loses_tickets_is_found` | `what_would_lose_or_share_a_saga_is_caught` |
//! | an effect comes before its intent is written | nobody knows that it may have happened (INV2) | `inv2_an_effect_before_its_intent_is_found` | `what_would_lose_or_share_a_saga_is_caught` |
//! | undo goes forwards | a step is undone under what came after it (INV7) | `inv7_an_undo_in_the_wrong_order_is_found` | not there: a journal does not choose the order |
//! | a renewal brings a reaped seat back | two owners (INV13) | `schedule_b17_a_seat_that_comes_back_to_life_is_found` | `what_would_lose_or_share_a_saga_is_caught` |
//! | nobody reaps | what the dead owned stays (INV14) | `inv14_a_store_without_recovery_is_found` | not there: to reap is for hosts to ask |
//! | a letter is acknowledged and lost | a cancel or a word has no effect (INV10) | `inv10_a_letter_that_is_lost_is_found` | a letter that is not there is missed by many rules on the inbox; no mutation of its own |
//!
//! # Not yet
//!
//! Values kept outside of records; in the memory journal, retention of records by time (it keeps those of
//! about the last 1,000 ended sagas).
