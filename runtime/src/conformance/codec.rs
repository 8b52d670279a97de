//! The contract of [`Codec`], as checks.

use std::{collections::BTreeMap, fmt::Debug};

use serde::{Deserialize, Serialize};

use super::rule::{Verdict, ensure, ensure_eq};
use crate::{
    codec::{Codec, CodecError, decode, encode},
    kernel::{Encoded, JournalValue, Value},
};

/// Checks every rule of the contract.
///
/// # Panics
/// With the sentence of the first rule that is broken.
///
/// ```
/// distributed_task::conformance::codec::run(&distributed_task::codec::Json);
/// ```
pub fn run(codec: &dyn Codec) {
    for (sentence, check) in RULES {
        if let Err(broken) = check(codec) {
            panic!("broken rule: {sentence}\n  because {broken}");
        }
    }
}

type Check = fn(&dyn Codec) -> Verdict;

const RULES: &[(&str, Check)] = &[
    ("`name` is the format and its version", name_and_version),
    ("`encode` puts the name into the envelope", named_envelope),
    ("what `write` made, `read` turns into an equal value", round_trip),
    ("a value that is encoded already is not encoded again", passes_bytes_on),
    ("an ephemeral value is never written", refuses_ephemeral),
    ("`decode` refuses the envelope of another codec", refuses_other_codecs),
    ("input that is cut short is an error", refuses_cut_input),
    ("input that has bytes left over is an error", refuses_left_over_bytes),
    ("input that is not of the wanted type is an error, which names the type", refuses_other_types),
    ("reading never panics", survives_noise),
];

fn name_and_version(codec: &dyn Codec) -> Verdict {
    let (format, version) = codec.name().split_once('/').ok_or("there is no `/` in it")?;
    ensure(!format.is_empty(), || "it names no format".into())?;
    version.parse::<u32>().map(drop).map_err(Into::into)
}

fn named_envelope(codec: &dyn Codec) -> Verdict {
    ensure_eq(&*encode(codec, &Value::journaled(Order::sample()))?.codec, codec.name())
}

fn round_trip(codec: &dyn Codec) -> Verdict {
    returns(codec, &())?;
    returns(codec, &[true, false])?;
    returns(codec, &(i8::MIN, i64::MIN, i64::MAX, u64::MAX))?;
    returns(codec, &[0.0, -0.5, 0.1, f64::MIN_POSITIVE, f64::MAX])?;
    returns(codec, &['a', 'ß', '\u{1f980}', '\0'])?;
    returns(
        codec,
        &["", "größe \"quoted\"", "tab\tnewline\n nul\0", "\u{feff}日本語"].map(String::from),
    )?;
    returns(codec, &vec![Some(7_u8), None])?;
    returns(codec, &Vec::<String>::new())?;
    returns(codec, &BTreeMap::from([(String::new(), 1), ("zwei".into(), 2)]))?;
    returns(codec, &[Way::Pickup, Way::Post(3), Way::Ship { from: "here".into(), to: None }])?;
    returns(codec, &Order::sample())
}

fn returns<T: JournalValue + Clone + PartialEq + Debug>(codec: &dyn Codec, value: &T) -> Verdict {
    let encoded = encode(codec, &Value::journaled(value.clone()))?;
    ensure_eq(&decode::<T>(codec, &encoded)?, value)
}

fn passes_bytes_on(codec: &dyn Codec) -> Verdict {
    let encoded = encode(codec, &Value::journaled(Order::sample()))?;
    ensure_eq(encode(codec, &Value::encoded(encoded.clone()))?, encoded)
}

fn refuses_ephemeral(codec: &dyn Codec) -> Verdict {
    match encode(codec, &Value::ephemeral(7)) {
        Err(CodecError::Ephemeral) => Ok(()),
        other => Err(format!("it answered {other:?}").into()),
    }
}

fn refuses_other_codecs(codec: &dyn Codec) -> Verdict {
    let mut encoded = encode(codec, &Value::journaled(Order::sample()))?;
    encoded.codec = "smoke-signals/1".into();
    match decode::<Order>(codec, &encoded) {
        Err(CodecError::Unknown { found, .. }) => ensure_eq(&*found, "smoke-signals/1"),
        other => Err(format!("it answered {other:?}").into()),
    }
}

fn refuses_cut_input(codec: &dyn Codec) -> Verdict {
    let whole = encode(codec, &Value::journaled(Order::sample()))?;
    for length in 0..whole.bytes.len() {
        let cut = Encoded { bytes: whole.bytes.slice(..length), ..whole.clone() };
        is_undecodable::<Order>(codec, &cut)?;
    }
    Ok(())
}

fn refuses_left_over_bytes(codec: &dyn Codec) -> Verdict {
    let whole = encode(codec, &Value::journaled(Order::sample()))?;
    let twice = Encoded { bytes: whole.bytes.repeat(2).into(), ..whole };
    is_undecodable::<Order>(codec, &twice)
}

fn refuses_other_types(codec: &dyn Codec) -> Verdict {
    let encoded = encode(codec, &Value::journaled("no order".to_owned()))?;
    is_undecodable::<Order>(codec, &encoded)
}

fn is_undecodable<T: JournalValue + Debug>(codec: &dyn Codec, encoded: &Encoded) -> Verdict {
    match decode::<T>(codec, encoded) {
        Err(CodecError::Decode { type_name, .. }) => {
            ensure_eq(type_name, std::any::type_name::<T>())
        }
        other => Err(format!("{:?} was read as {other:?}", encoded.bytes).into()),
    }
}

fn survives_noise(codec: &dyn Codec) -> Verdict {
    let whole = encode(codec, &Value::journaled(Order::sample()))?;
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2_000 {
        // xorshift64; the same bytes on every run.
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let mut bytes = whole.bytes.to_vec();
        let [a, b, c, d, ..] = noise.to_be_bytes().map(usize::from);
        let length = bytes.len();
        bytes[a % length] = noise as u8;
        bytes[(b << 8 | c) % length] ^= 1 << (d % 8);
        // Either answer will do; coming back is the point.
        let _ = decode::<Order>(codec, &Encoded { bytes: bytes.into(), ..whole.clone() });
    }
    Ok(())
}

/// A value with a bit of everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    note: Option<String>,
    lines: Vec<(String, u32)>,
    way: Way,
    tags: BTreeMap<String, Vec<bool>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Way {
    Pickup,
    Post(u8),
    Ship { from: String, to: Option<String> },
}

impl Order {
    fn sample() -> Self {
        Self {
            id: 42,
            note: Some("für Åsa".into()),
            lines: vec![("tea".into(), 2), ("cups".into(), 6)],
            way: Way::Ship { from: "Bremen".into(), to: None },
            tags: BTreeMap::from([("fragile".into(), vec![true]), ("none".into(), vec![])]),
        }
    }
}
