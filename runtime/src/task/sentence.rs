//! Sentences with numbers in them, put together while compiling: there is no `format!` there.

use std::time::Duration;

/// A sentence on its way.
pub(super) struct Sentence {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Sentence {
    const ROOM: usize = 512;

    pub(super) const fn new() -> Self {
        Self { bytes: [0; Self::ROOM], len: 0 }
    }

    /// Adds the text, unless there is no room left for it.
    pub(super) const fn say(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        if text.len() <= Self::ROOM - self.len {
            let mut at = 0;
            while at < text.len() {
                self.bytes[self.len] = text[at];
                self.len += 1;
                at += 1;
            }
        }
        self
    }

    /// Adds a duration as people say it: `11m40s`.
    pub(super) const fn period(self, period: Duration) -> Self {
        let (secs, millis) = (period.as_secs(), period.subsec_millis() as u64);
        let parts = [(secs / 3600, "h"), (secs / 60 % 60, "m"), (secs % 60, "s"), (millis, "ms")];
        let (mut sentence, mut at) = (self, 0);
        while at < parts.len() {
            let (count, unit) = parts[at];
            if count > 0 {
                sentence = sentence.count(count).say(unit);
            }
            at += 1;
        }
        sentence
    }

    /// Adds a duration of at least this, as one writes it in an attribute: `12m`.
    pub(super) const fn written(self, period: Duration) -> Self {
        let secs = period.as_secs() + (period.subsec_nanos() > 0) as u64;
        match secs {
            _ if secs > 0 && secs.is_multiple_of(3600) => self.count(secs / 3600).say("h"),
            _ if secs > 0 && secs.is_multiple_of(60) => self.count(secs / 60).say("m"),
            0..=120 => self.count(secs).say("s"),
            121..=7200 => self.count(secs.div_ceil(60)).say("m"),
            _ => self.count(secs.div_ceil(3600)).say("h"),
        }
    }

    const fn count(self, count: u64) -> Self {
        let before = if count >= 10 { self.count(count / 10) } else { self };
        let digits = "0123456789";
        let (_, from) = digits.split_at((count % 10) as usize);
        let (digit, _) = from.split_at(1);
        before.say(digit)
    }

    pub(super) const fn text(&self) -> &str {
        let (said, _) = self.bytes.split_at(self.len);
        match std::str::from_utf8(said) {
            Ok(text) => text,
            Err(_) => panic!("whole strings are put together"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_said_in_its_units_and_written_in_one_unit() {
        for (millis, said, written) in [
            (500, "500ms", "1s"),
            (90_000, "1m30s", "90s"),
            (700_000, "11m40s", "12m"),
            (7_200_000, "2h", "2h"),
            (120_000, "2m", "2m"),
            (3_661_000, "1h1m1s", "62m"),
            (36_061_001, "10h1m1s1ms", "11h"),
        ] {
            let period = Duration::from_millis(millis);
            assert_eq!(Sentence::new().period(period).text(), said);
            assert_eq!(Sentence::new().written(period).text(), written);
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let long = "a name that is long ".repeat(20);
        let sentence = Sentence::new().say(&long).say(&long).say("and short");
        assert_eq!(sentence.text(), format!("{long}and short"));
    }
}
