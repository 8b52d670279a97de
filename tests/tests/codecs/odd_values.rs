//! Values at the edges of a format, old and new shapes of a type, and bytes of somebody else.

use std::{collections::BTreeMap, fmt::Debug};

use bytes::Bytes;
use distributed_task::{
    codec::{Codec, CodecError, Json, MessagePack, decode, encode},
    kernel::{Encoded, JournalValue, Value},
};
use serde::{Deserialize, Serialize};

const BOTH: [&dyn Codec; 2] = [&Json, &MessagePack];

fn written<T: JournalValue>(codec: &dyn Codec, value: T) -> Encoded {
    encode(codec, &Value::journaled(value)).expect("it can be written")
}

fn back<T: JournalValue + Clone>(codec: &dyn Codec, value: &T) -> T {
    decode(codec, &written(codec, value.clone())).expect("it can be read")
}

/// Why it cannot be read, from the outside in.
fn unreadable<T: JournalValue + Debug>(codec: &dyn Codec, encoded: &Encoded) -> String {
    let error = decode::<T>(codec, encoded).expect_err("it is not one");
    assert!(matches!(error, CodecError::Decode { .. }), "{error:?}");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}: {}", source.unwrap_or_default())
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Before {
    id: u32,
    note: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct After {
    id: u32,
    note: String,
    #[serde(default)]
    urgent: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Strict {
    id: u32,
    note: String,
    urgent: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Way {
    Foot,
    Ship { from: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum MoreWays {
    Air(u8),
    Foot,
    Ship { from: String },
}

#[test]
fn a_field_can_be_added_and_taken_away() {
    for codec in BOTH {
        let before = Before { id: 7, note: "tea".into() };
        let after = After { id: 7, note: "tea".into(), urgent: false };
        assert_eq!(decode::<After>(codec, &written(codec, before.clone())).expect("older"), after);
        assert_eq!(decode::<Before>(codec, &written(codec, after)).expect("newer"), before);
        let why = unreadable::<Strict>(codec, &written(codec, before));
        assert!(why.contains("Strict") && why.contains("missing field `urgent`"), "{why}");
    }
}

#[test]
fn a_variant_can_be_added_anywhere_and_old_code_says_that_it_does_not_know_it() {
    for codec in BOTH {
        let foot = written(codec, Way::Foot);
        assert_eq!(decode::<MoreWays>(codec, &foot).expect("older"), MoreWays::Foot);
        let ship = written(codec, MoreWays::Ship { from: "Kiel".into() });
        let expected = Way::Ship { from: "Kiel".into() };
        assert_eq!(decode::<Way>(codec, &ship).expect("newer"), expected);
        let why = unreadable::<Way>(codec, &written(codec, MoreWays::Air(3)));
        assert!(why.contains("unknown variant `Air`"), "{why}");
    }
}

#[test]
fn message_pack_keeps_floats_that_json_has_no_word_for() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0];
    let bits = |floats: [f64; 4]| floats.map(f64::to_bits);
    assert_eq!(bits(back(&MessagePack, &odd)), bits(odd));
    assert_eq!(back(&MessagePack, &[f32::MAX, f32::MIN_POSITIVE]), [f32::MAX, f32::MIN_POSITIVE]);
    let why = unreadable::<f64>(&Json, &written(&Json, f64::NAN));
    assert!(why.contains("null"), "{why}");
}

#[test]
fn both_keep_integers_of_all_widths() {
    for codec in BOTH {
        for wide in [0, 1, u128::from(u64::MAX), u128::from(u64::MAX) + 1, u128::MAX] {
            assert_eq!(back(codec, &wide), wide, "{}", codec.name());
        }
        for wide in [i128::MIN, i128::from(i64::MIN), -1, i128::MAX] {
            assert_eq!(back(codec, &wide), wide, "{}", codec.name());
        }
        let why = unreadable::<u8>(codec, &written(codec, 256));
        assert!(why.contains("256") && why.contains("u8"), "{why}");
    }
}

#[test]
fn message_pack_has_keys_of_any_type() {
    let by_place = BTreeMap::from([((1_u8, -1_i8), "a".to_owned()), ((2, 0), "b".to_owned())]);
    assert_eq!(back(&MessagePack, &by_place), by_place);
    let error = encode(&Json, &Value::journaled(by_place)).expect_err("JSON has text for keys");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("key must be a string"));
    // Numbers and the like are written as text, by JSON.
    let by_number = BTreeMap::from([(-7_i64, true)]);
    assert_eq!(back(&Json, &by_number), by_number);
    assert_eq!(back(&MessagePack, &by_number), by_number);
}

#[test]
fn bytes_are_bytes_where_the_type_says_so() {
    for codec in BOTH {
        let bytes = Bytes::from((0..=255).collect::<Vec<u8>>());
        assert_eq!(back(codec, &bytes.to_vec()), bytes);
        assert_eq!(back(codec, &bytes), bytes);
    }
    assert_eq!(written(&MessagePack, Bytes::from(vec![200; 100])).bytes.len(), 102);
    assert!(written(&MessagePack, vec![200_u8; 100]).bytes.len() > 200, "a list of numbers");
}

/// Half of what is here, a format may not express by itself: serde has to buffer it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Tagged {
    Order { id: uuid::Uuid, amount: i64 },
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Option<f64>>,
}

#[test]
fn tagged_and_flattened_types_come_back() {
    for codec in BOTH {
        let order = Tagged::Order { id: uuid::Uuid::from_u128(7), amount: -3 };
        assert_eq!(back(codec, &order), order, "{}", codec.name());
        assert_eq!(back(codec, &Tagged::Nothing), Tagged::Nothing);
        let rest = BTreeMap::from([("a".into(), Some(0.5)), ("b".into(), None)]);
        let flat = Flat { id: 1, rest };
        assert_eq!(back(codec, &flat), flat, "{}", codec.name());
    }
}

#[test]
fn bytes_of_another_codec_are_no_value() {
    for (wrote, reads) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0])] {
        let foreign = written(wrote, Before { id: 7, note: "tea".into() });
        let error = decode::<Before>(reads, &foreign).expect_err("its name says so");
        assert!(matches!(error, CodecError::Unknown { .. }), "{error:?}");
        // A name that lies.
        unreadable::<Before>(reads, &Encoded { codec: reads.name().into(), ..foreign });
    }
}

#[test]
fn bytes_that_nest_without_end_are_an_error_and_no_overflow() {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Nested(Vec<Nested>);

    for (codec, open) in [(BOTH[0], b'['), (BOTH[1], 0x91)] {
        let deep = Encoded { codec: codec.name().into(), bytes: vec![open; 1 << 20].into() };
        unreadable::<Nested>(codec, &deep);
        unreadable::<serde_json::Value>(codec, &deep);
    }
    // A length that nobody can have, before nothing.
    for huge in [&b"\xdd\xff\xff\xff\xff"[..], b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"] {
        let huge = Encoded { codec: "msgpack/1".into(), bytes: huge.into() };
        unreadable::<Vec<u64>>(&MessagePack, &huge);
        unreadable::<Bytes>(&MessagePack, &huge);
        unreadable::<BTreeMap<String, u8>>(&MessagePack, &huge);
    }
}
