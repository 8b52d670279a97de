//! The clauses of the contract that can be broken.

/// Which clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// None.
    None,
    /// A saga leaves its owner's hands although mail waits.
    UnguardedRelease,
    /// An intent of the pivot is written although mail waits.
    UnguardedPivot,
    /// A commit of a reaped seat still lands.
    ReapEndsTheSeatLast,
    /// The reaper dies when it has given back one saga, and the seat is never named again.
    ReapStrikesTheSeatFirst,
    /// A seat is reaped before its deadline, or so it is said.
    ReapDoesNotLook,
    /// A claim of a seat that does not live takes tickets, and loses them.
    ClaimPopsBeforeItLooks,
    /// A pulse of a reaped seat brings it back.
    RenewalRecreatesTheSeat,
    /// A commit is answered first and written with the next one.
    AnswersBeforeItWrites,
    /// What is refused is said to be written.
    SaysYes,
    /// An entry that is told twice is another one.
    TellsTwice,
    /// A claim does not bring the inbox.
    ClaimsWithoutMail,
    /// A saga is known only by its records.
    ForgetsKeys,
    /// A saga that was found once is known for ever.
    RemembersKeys,
    /// A saga that is there is answered with the fingerprint of the second start.
    AnswersTheSecondPrint,
    /// A start counts as accepted before it is handed over.
    AcceptsAtOnce,
    /// A start counts as accepted when it leaves its owner's hands, however it does.
    AcceptsWhatIsGivenBack,
    /// An abandoned start counts as one that was accepted.
    AcceptsTheAbandoned,
    /// A late success is refused like every other letter when its saga is over.
    DropsLateSuccesses,
    /// A saga that is over seems to hear everything.
    HearsAfterTheEnd,
    /// A saga that is settled is signalled as over again.
    SettlesAloud,
    /// A saga is signalled as over once, whatever it does after that.
    EndsOnce,
    /// Late successes are not listed.
    ListsNothing,
    /// Late successes are listed for each time they are told.
    ListsTwice,
    /// The oldest late successes are kept.
    ListsOldest,
    /// A claim does not say when the last owner died.
    NoTimeOfCrash,
    /// A claim says when an owner died before the last record.
    OldTimeOfCrash,
    /// A claim does not tell of dead owners.
    ForgetsCrashes,
    /// A pulse does not count definitions.
    CountsNoDefinitions,
    /// Only one definition is answered.
    KnowsOneDefinition,
    /// The filter of a list is ignored.
    ListsAll,
    /// Who stopped listening goes on hearing.
    GoesOnSignalling,
    /// Nobody hears of new definitions.
    DefinesInSilence,
    /// All definitions share one room.
    OneRoom,
    /// The first id under a key means the first start, whatever came after it.
    ForgetsTheLatest,
    /// A second saga is started under a key beside an open one.
    StartsBesideTheLatest,
    /// Only what the pivot returned in time makes a cancel too late.
    HeedsCancelsAfterMarks,
}
