//! Durations: `"500ms"`, `"30s"`, `"10m"`, `"2h"`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::LitStr;

use crate::{diag::Errors, names::Runtime};

/// Whoever waits longer than this meant something else; it keeps every sum of times in range.
const YEAR: u64 = 8760 * 3_600_000;

/// A duration as written.
#[derive(Clone, Copy)]
pub(crate) struct Period {
    count: u64,
    unit: Unit,
    pub(crate) span: Span,
}

#[derive(Clone, Copy)]
enum Unit {
    Millis,
    Seconds,
    Minutes,
    Hours,
}

impl Period {
    /// Reads a duration; a mistake when it is none.
    pub(crate) fn read(text: &LitStr, errors: &Errors) -> Option<Self> {
        let value = text.value();
        let (count, unit) = value.split_at(value.bytes().take_while(u8::is_ascii_digit).count());
        let unit = match unit {
            "ms" => Some(Unit::Millis),
            "s" => Some(Unit::Seconds),
            "m" => Some(Unit::Minutes),
            "h" => Some(Unit::Hours),
            _ => None,
        };
        let period = match (count.parse(), unit) {
            (Ok(count), Some(unit)) => Self { count, unit, span: text.span() },
            _ => {
                errors
                    .at(text, "write a duration as `\"500ms\"`, `\"30s\"`, `\"10m\"` or `\"2h\"`");
                return None;
            }
        };
        match period.millis() {
            0 => errors.at(text, "write a duration longer than nothing"),
            1..=YEAR => return Some(period),
            _ => errors.at(text, "write a duration of at most a year, `\"8760h\"`"),
        }
        None
    }

    pub(crate) fn millis(self) -> u64 {
        self.count.saturating_mul(match self.unit {
            Unit::Millis => 1,
            Unit::Seconds => 1_000,
            Unit::Minutes => 60_000,
            Unit::Hours => 3_600_000,
        })
    }

    /// `dt::mins(10)`
    pub(crate) fn print(self, Runtime { alias: dt, .. }: &Runtime) -> TokenStream {
        let count = proc_macro2::Literal::u64_unsuffixed(self.count);
        let unit = format_ident!(
            "{}",
            match self.unit {
                Unit::Millis => "millis",
                Unit::Seconds => "secs",
                Unit::Minutes => "mins",
                Unit::Hours => "hours",
            }
        );
        quote!(#dt::#unit(#count))
    }
}
