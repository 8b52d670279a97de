//! The words of the attributes on methods: one table.

use super::parse::Role;
use crate::attr::{Attribute, Shape, Word};

/// What the attribute of this role knows.
pub(super) fn words(role: Role) -> &'static Attribute {
    match role {
        Role::Step => &STEP,
        Role::Upload => &UPLOAD,
        Role::Response => &RESPONSE,
    }
}

pub(super) const STEPS: Attribute = Attribute {
    name: "#[steps]",
    words: &[Word { name: "crate", shape: Shape::Path, example: "crate = ::distributed_task" }],
    refused: &[],
};

const STEP: Attribute = Attribute {
    name: "#[step]",
    words: &[
        COMPENSATE,
        PIVOT,
        RETRIABLE,
        READ_ONLY,
        NO_UNDO,
        EPHEMERAL,
        PROTOBUF,
        AT_MOST_ONCE,
        PROBE,
        ORDER,
        HOST,
        GROUP,
        AWAIT_ALL,
        WHEN,
        RETRY,
        TIMEOUT,
        ON_EXHAUSTED,
        WAS,
    ],
    refused: &[("bucket", "a step that uploads to a bucket is a `#[file_upload_step(..)]`")],
};

const UPLOAD: Attribute = Attribute {
    name: "#[file_upload_step]",
    words: &[
        BUCKET,
        RETRIABLE,
        NO_UNDO,
        ORDER,
        HOST,
        GROUP,
        AWAIT_ALL,
        WHEN,
        RETRY,
        TIMEOUT,
        ON_EXHAUSTED,
        WAS,
    ],
    refused: &[
        ("compensate", UPLOAD_UNDO),
        ("pivot", UPLOAD_UNDO),
        ("read_only", UPLOAD_UNDO),
        ("at_most_once", UPLOAD_AGAIN),
        ("probe", UPLOAD_AGAIN),
        (
            "ephemeral",
            "the files are in the bucket, so the output is journaled: remove `ephemeral`",
        ),
        ("protobuf", "an upload gives an `UploadedFile`, which is no message: remove `protobuf`"),
    ],
};

const UPLOAD_UNDO: &str = "the undo of an upload is built in: it deletes the files; only `retriable` or `no_undo` may be written";

const UPLOAD_AGAIN: &str = "an upload that runs again replaces what it left, so nobody needs to know whether it happened: remove the argument";

const RESPONSE: Attribute = Attribute { name: "#[response]", words: &[], refused: &[] };

const BUCKET: Word =
    Word { name: "bucket", shape: Shape::Text, example: "bucket = \"incoming-files\"" };
const COMPENSATE: Word =
    Word { name: "compensate", shape: Shape::Method, example: "compensate = undo_method" };
const PIVOT: Word = Word { name: "pivot", shape: Shape::Flag, example: "pivot" };
const RETRIABLE: Word = Word { name: "retriable", shape: Shape::Flag, example: "retriable" };
const READ_ONLY: Word = Word { name: "read_only", shape: Shape::Flag, example: "read_only" };
const NO_UNDO: Word =
    Word { name: "no_undo", shape: Shape::Text, example: "no_undo = \"the reason\"" };
const EPHEMERAL: Word = Word { name: "ephemeral", shape: Shape::Flag, example: "ephemeral" };
const PROTOBUF: Word = Word { name: "protobuf", shape: Shape::Flag, example: "protobuf" };
const AT_MOST_ONCE: Word =
    Word { name: "at_most_once", shape: Shape::Flag, example: "at_most_once" };
const PROBE: Word = Word { name: "probe", shape: Shape::Method, example: "probe = method" };
const ON_EXHAUSTED: Word =
    Word { name: "on_exhausted", shape: Shape::Text, example: "on_exhausted = \"park\"" };
const WAS: Word = Word { name: "was", shape: Shape::Texts, example: "was = \"old_name\"" };
const ORDER: Word = Word { name: "order", shape: Shape::Count, example: "order = 1" };
const HOST: Word = Word { name: "host", shape: Shape::Text, example: "host = \"api\"" };
const GROUP: Word = Word { name: "group", shape: Shape::Text, example: "group = \"checks\"" };
const AWAIT_ALL: Word = Word { name: "await_all", shape: Shape::Flag, example: "await_all" };
const WHEN: Word = Word { name: "when", shape: Shape::Method, example: "when = method" };
const TIMEOUT: Word = Word { name: "timeout", shape: Shape::Text, example: "timeout = \"30s\"" };
const RETRY: Word = Word {
    name: "retry",
    shape: Shape::List(&[
        Word { name: "max", shape: Shape::Count, example: "max = 3" },
        Word { name: "backoff", shape: Shape::Text, example: "backoff = \"exponential\"" },
        Word { name: "delay", shape: Shape::Text, example: "delay = \"500ms\"" },
        Word { name: "max_delay", shape: Shape::Text, example: "max_delay = \"1m\"" },
        Word { name: "jitter", shape: Shape::Text, example: "jitter = \"full\"" },
    ]),
    example: "retry(max = 3, delay = \"500ms\")",
};
