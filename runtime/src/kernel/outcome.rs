//! What an undo is told about the step it undoes.

/// What is known of a step when its undo runs (C1, E1).
///
/// A step that timed out, panicked or lost its host may or may not have happened: its undo gets
/// [`Unknown`](Outcome::Unknown) and must succeed in both cases (C6).
///
/// ```
/// use distributed_task::kernel::Outcome;
///
/// /// What the undo of `hold_seat` does.
/// fn undo(hold: Outcome<&String>, step_key: &str) -> String {
///     match hold {
///         Outcome::Done(hold) | Outcome::Partial(hold) => format!("release {hold}"),
///         // Nobody knows whether there is one: the other side may know its key.
///         _ => format!("release whatever was held under {step_key}"),
///     }
/// }
/// assert_eq!(undo(Outcome::Done(&"hold-7".to_owned()), "dt-1"), "release hold-7");
/// assert_eq!(undo(Outcome::Unknown, "dt-1"), "release whatever was held under dt-1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<T> {
    /// The step returned this.
    Done(T),
    /// The step did a part of its work, described by this.
    Partial(T),
    /// Nobody can say.
    Unknown,
}

impl<T> Outcome<T> {
    /// The value, if one is known.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Done(value) | Self::Partial(value) => Some(value),
            Self::Unknown => None,
        }
    }

    /// The same knowledge, of what `f` makes of the value.
    ///
    /// ```
    /// use distributed_task::kernel::Outcome;
    ///
    /// let held = String::from("hold-7");
    /// let held: Outcome<&str> = Outcome::Done(&held).map(String::as_str);
    /// assert_eq!(held, Outcome::Done("hold-7"));
    /// ```
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(value) => Outcome::Done(f(value)),
            Self::Partial(value) => Outcome::Partial(f(value)),
            Self::Unknown => Outcome::Unknown,
        }
    }
}
