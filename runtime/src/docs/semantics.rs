//! The rules of a saga, by number, as this version keeps them.
//!
//! Numbers are stable: comments, tests and error messages cite them, and a rule that comes later has
//! its number already. *Comes later* at the end of a section lists those; nothing here relies on
//! them. Where the journal is in memory, every "survives" is bounded by the process.
//!
//! # Words and states
//!
//! A **step** is `Pending`, then `Intended`, then `Done`, `Refused`, `Partial` or `Unknown`; or it is
//! `Skipped`, or `Withdrawn` because it provably had no effect. A step that is undone is `Undoing`,
//! then `Undone`, `UndoFailed` or `UndoWaived`. [`Phase`](crate::kernel::Phase) has them. Three of
//! them carry the weight:
//!
//! - *Refused* asserts that no effect remains.
//! - *Partial* is refused too, with an effect that its value describes.
//! - *Unknown* means that nobody can say whether there is one.
//!
//! A **saga** is open while it is `Running`, `Waiting` for a time, `Compensating`, `Parked` (needs
//! code or an operator) or `Stuck` (needs an operator), and over when it is `Completed`,
//! `Compensated`, `Cancelled` or `Killed`. There is no "failed": the word for the end says what the
//! world looks like. The *residual* lists effects that are known or feared to remain.
//!
//! *Generation* counts deliberate re-executions of a step; *attempt* counts tries within one.
//!
//! # Journal and delivery
//!
//! | rule | |
//! | --- | --- |
//! | J1 | One append-only list of records for each saga is the only truth, and its state is a pure fold over it. Only the owner of a saga appends. Everybody else leaves a letter in its inbox, which changes nothing until the owner folds it. |
//! | J2 | Intent before effect: a step is recorded as intended before it starts. |
//! | J3 | Delivery is at least once. The outcome of a step is recorded at most once for each generation. Nothing here is "exactly once". |
//! | J4 | A message is acknowledged when the claim is recorded. From then on the owner drives the saga, not the message; waits are timers of the journal. |
//! | J5 | A late success of a step that is still open is its outcome, whoever reports it; of a step that is undone it is rule C8. One that contradicts a refusal outweighs it. A late failure of an attempt that is no longer current is ignored. |
//! | J6 | A journal declares how much it survives: `Volatile < Process < Fsync`. The memory journal is `Volatile`. A task may demand a class, and is not built on less. One with a pivot or an `at_most_once` step is not built on a `Process` journal unless it says so itself: such a journal may forget that the step began, and go on. (One in memory forgets the saga as well.) |
//! | J7 | No orphan: an open saga is ready, owned, timed or parked (or carried by a queue), and every operation leaves it in one of these. An audit repairs what outside damage broke. |
//!
//! *Comes later:* snapshots of long journals (J8).
//!
//! # Order
//!
//! | rule | |
//! | --- | --- |
//! | O1 | Steps run in source order; the members of a group run side by side. The graph is fixed at compile time. |
//! | O2 | A condition is a pure function of journaled values, and its verdict counts once: it is recorded with what it saw. The code may be asked again when that record is refused or lost. |
//! | O3 | Step code is never replayed to rebuild state. |
//! | O5 | Nothing is promised about the order of two sagas. |
//! | O6 | Of a task with `singleton = "name"` one saga at a time runs, in whichever processes, and of all tasks that say that name. Its lease, `singleton:name`, is the saga's and not the host's: steps, undos and probes run only where a host holds it for that saga, and whoever goes on with the saga goes on with its tenure. A start takes it before anything is written; while another saga has it the start waits as it was told to, which is not at all by default, and then is refused, and told which one. A host that loses it drops what runs where it waits and has not ended: that it was interrupted is recorded, which does not count as a try; of an `at_most_once` step it is not known then whether it happened (E1). It goes on when the saga has it again. When the saga is over it is free. With `hold_at_least = "10m"` it is free at the earliest 10 minutes after the saga began: a start that was accepted counts, however the saga ended, and one that was [abandoned](crate::SubmitError::HostLost) does not. It is taken for that long as soon as the saga is written, and again by whoever goes on with it, so that no host that dies makes that shorter; where the lock service has no lease as long, it is held while the host lives on which the saga ended. Whoever starts a saga finds in the journal when the last one began, and goes by the `hold_at_least` of its own task: tasks that share a name say the same. A saga that was accepted before and waits for its turn waits for the end of another one, and not for its hold. Jobs without a task look into no journal: to them it is free when its lease has run out, up to 30 s later. Nobody renews it while nothing of the saga is on any host, because it waits to be claimed, for a timer of the journal or for an operator: 30 s later, or when its hold is over, another one may be started, and this one goes on when it finds it free. The same may keep others out for 30 s after a start of which nobody knows whether it was written. This holds as far as the [`Safety`](crate::lease::Safety) of the leases goes: those in memory know of one process, and are gone with it; and a plain `fn` that does not stop goes on beside the next saga, as after a time-out. |
//!
//! *Comes later:* external events (O4), one saga at a time for each key.
//!
//! # Outcomes and errors
//!
//! | rule | |
//! | --- | --- |
//! | E1 | A step returns its output, asks for another try, refuses, or refuses after a part of its work (`Partial`). Time-out, panic and loss of the host make the attempt *unknown*: it failed, and may have had its effect. |
//! | E2 | Only refusals, used-up tries, a cancel or the deadline make a saga go back. Trouble with the machinery (a value that cannot be written or read, a panic in a condition or in the response, a saga that kills its hosts) parks it: a bad release must not undo a million orders. A parked saga that is cancelled goes back, and one that is to go back does not park for the output of a step, unless that is the pivot, or of a probe. |
//! | E3 | An unknown attempt is asked for first: the `probe` of the step says that it happened, that it did not, or that it cannot tell. Then the step is tried again under the same key while the saga goes forward, unless it is `at_most_once`: that is never tried again by itself. When the saga goes back, the undo is told `Unknown`. |
//! | E4 | Used-up tries end *unknown*, because an error does not deny an effect, and the saga goes back; with `on_exhausted = "park"` it waits for an operator, unless another member of its group turns the saga back, before or after that. A pivot is parked in any case. |
//!
//! # Retries
//!
//! | rule | |
//! | --- | --- |
//! | R1 | `max = n` means n tries after the first. The wait doubles up to a cap and is spread over `[0, wait]` by a hash of saga, step and try. A longer wait that the other side asks for wins. |
//! | R2 | A wait of more than 5 s is a timer of the journal. A shorter one stays with the owner and takes no slot; so does every wait on the API host, whose saga is not resumed elsewhere. |
//! | R3 | Hosts that died on a saga are counted apart from its errors, since its last record. At 2 it is a suspect: a host runs one suspect at a time and puts the others down meanwhile, so that the next death names its cause and is charged to nobody else. At 5 it is parked, also when it was told to go back, unless nothing is to be run before that. |
//! | R4 | Nothing is tried for ever in silence: after the budget a saga has gone back, or is parked or stuck. |
//!
//! *Comes later:* limits by elapsed time (R1).
//!
//! # Limits of time
//!
//! | limit | on the task or step | when it is over |
//! | --- | --- | --- |
//! | one attempt (`start_to_close`) | `timeout` of the step, else of the task, else 10 min | told to stop; unknown; tried again under the same key |
//! | the saga (`deadline`) | `timeout` of the task | before the pivot: goes back with the cause `Deadline`; after it: nothing |
//! | undo | the limit of an attempt, and C5 | stuck; neither cancel nor deadline ends it |
//!
//! T1: a time-out never means that nothing happened. T2: deadlines and long waits are judged by the
//! time of the journal. T3: an attempt, the tries of
//! one step, or steps in a row that may take longer than their saga do not compile.
//!
//! *Comes later:* limits for waiting in the queue and for all attempts together.
//!
//! # Undo
//!
//! | rule | |
//! | --- | --- |
//! | C1 | Undone is every compensable step that was intended and whose effect is not disproved: done or unknown, **also the one that failed**; not refused, skipped or withdrawn ones. |
//! | C2 | An undo gets journaled values, the key of its step, a key of its own, and what is known of the step. |
//! | C3 | Going back starts when no attempt can still be working: each has ended, or has been answered for by a re-run or a probe; one whose host died, or whose thread does not stop, may work until its `timeout` has passed since then, and is heard when it succeeds later (J5, C8). A step that changes nothing is not waited for. |
//! | C4 | In reverse order, stage by stage; members of a group together. |
//! | C5 | Undo heeds neither cancel nor deadline. It has 20 tries, from 1 s, doubling up to 1 h, within 24 h. |
//! | C6 | Undo with `Unknown` must succeed when nothing happened. That is the duty of the task, and [a page](super::guide::undo) shows how. |
//! | C7 | When undo refuses or its tries are used up, the saga is stuck. Undos that come after it wait; those beside it finish. An [operator](crate::Operator) tries again, calls it done, or waives it. The same goes for an undo that cannot be read, which parks its saga. |
//! | C8 | A success that is reported after the undo is recorded, and the step is undone again, with what it returned and a new key, also when the saga was over: it opens again. A saga in which a doubtful step was undone waits for that, a quarter of an hour at least, and says `settled: false` meanwhile. A pivot that turns out to have happened while its saga goes back is not undone: it is logged as an error and stands in the residual. |
//! | C9 | An undo is not undone. |
//! | C10 | An undo must be idempotent. That is the duty of the task; a [crash matrix](super::guide::testing) finds one that is not. |
//! | C11 | The outcome tells the first cause in the order of the journal, and the residual. |
//!
//! *Comes later:* a barrier in the box (C6).
//!
//! # The point of no return
//!
//! | rule | |
//! | --- | --- |
//! | P1 | At most one pivot, and nothing beside it. Before it: compensable, read-only and no-undo steps. After it: retriable and read-only ones. The macro checks it. |
//! | P2 | While the pivot is unknown, the saga goes neither forward nor back: it is parked. A pivot that is `at_most_once` has a probe. |
//! | P3 | After the pivot nothing is undone. A cancel is too late, a deadline is past caring, and a step that uses up its tries leaves the saga stuck: an operator tries again, or gives what it would have returned. |
//! | P4 | Without a pivot, the end of the saga is the point of no return. |
//!
//! # Side by side
//!
//! B1: the first member of a group that fails for good stops the others and turns the saga back, once
//! they have ended. B2: with `await_all` they finish first. B6: every failure is kept, the first is the
//! cause. *Comes later:* optional branches and fan-out (B3 to B5).
//!
//! # Cancel and kill
//!
//! | rule | |
//! | --- | --- |
//! | K1 | A cancel is recorded before it is answered, and counts once however often it is said. |
//! | K2 | It is heeded at once between steps. A running step is told, and has a grace time to end. |
//! | K3 | A cancel that is recorded before the pivot is intended wins over it. One that comes while the pivot runs waits for its end: a success makes it too late. |
//! | K5 | A kill ends a saga without undo, and the residual lists what stays. |
//!
//! *Comes later:* sagas within sagas (K4).
//!
//! # Keys and fences
//!
//! | rule | |
//! | --- | --- |
//! | I1 | The key of a step is a hash of task, saga, step and generation; the attempt is not part of it. It is stable over restarts and versions of the code, and that of the undo is another. |
//! | I2 | A saga that is [started under a key](super::guide::idempotent_start) is started once: the same key and request give the same saga, another request is refused. While the first start is in its API steps, or is being undone because its host died there, the second is told to come again; an abandoned start is passed over, and the key means the one that follows it. A start whose API step is parked is accepted. |
//! | I3 | The key of a saga that is over is remembered for the retention of its journal, 24 hours by default, in Redis for twice that at the most; then it starts a new saga, with the id of the one before: its steps have the same keys, and its undos may [take back](super::guide::idempotent_start#a-key-that-is-used-again) what that one did. In SQLite and Redis it goes together with the records. In memory it outlives them, for one to two retentions after the end. |
//! | F1 | That there is one owner rests on the journal alone. |
//! | F2 | [`cx.fence()`](crate::StepContext::fence) rises with every owner of a saga, so that a resource that keeps the highest can refuse a stale one. |
//! | F3 | A host renews its lease at a third of it. One that cannot holds still before others may take its sagas: it starts nothing, and what is `async` is not polled. If its seat is still there when the store is heard again, everything goes on where it was; if it is not, the host drops it and goes on under a new seat. The time that its machine slept counts, except on Windows. |
//!
//! *Comes later:* incoming events (I4). Locks have [rules of their own](super::coordination).
//!
//! # Dead letters and versions
//!
//! | rule | |
//! | --- | --- |
//! | D1 | A parked saga is in the list of the parked: that is the dead-letter list. |
//! | D2 | It is parked for a [reason](crate::kernel::ParkReason) that is machinery, or because a step asked for it, never for a refusal. |
//! | D3 | It goes on through the journal, not by moving messages about. |
//! | D4 | Nothing that is parked or stuck expires. |
//! | V1 | The graph is in the journal, and a saga follows the one it began with. |
//! | V2 | A step is known by its name, not by its place; a new name says `was = "old"`. |
//! | V3 | A host claims sagas of definitions that its code covers: every step by name, with its undo, its probe and what they read. Others stay where they are, visible and at no cost: they hold up no other definition, and start when a capable host comes. |
//! | V7 | A worker message carries the fingerprint of the definition. |
//!
//! *Comes later:* schema checks and migration of running sagas (V4 to V6).
//!
//! # Progress
//!
//! S1: every state has the number of its journal record. S2: byte counts and messages are a lossy
//! stream beside it; a late watcher sees the current state first. S3: `submit` answers when the start
//! is recorded, and a read right after it finds the saga. S7: progress carries no request, output or
//! error.
//!
//! *Comes later:* watching and starting over HTTP, webhooks, authorisation (S4 to S6).
//!
//! # Always true
//!
//! | | |
//! | --- | --- |
//! | INV1 | at most one outcome record for each step and generation, but for a late success after a refusal; one writer for each number |
//! | INV2 | no effect without an intent before it, under the same key |
//! | INV3 | where those who are called keep to the key, one effect stands under it at most, whatever is killed |
//! | INV4 | a step starts when all steps before it are done or skipped |
//! | INV5 | completed: every step done or skipped, nothing undone |
//! | INV6 | compensated or cancelled: every compensable effect is undone, except the residual |
//! | INV7 | an undo starts when everything that came after its step is undone, waived or needs none |
//! | INV8 | no undo after the pivot; no step forward after going back began |
//! | INV9 | what a dead process had has another owner within its lease and two pulses |
//! | INV10 | what was acknowledged (start, cancel) survives what the class of the journal survives |
//! | INV11 | the events of a saga have numbers without a gap or a repetition, for every reader |
//! | INV12 | every message is settled: its saga has an owner, or it is a dead letter |
//! | INV13 | a stale owner writes no record; what it knows comes in as a letter |
//! | INV14 | once faults stop, every saga ends, or says whom it waits for |
