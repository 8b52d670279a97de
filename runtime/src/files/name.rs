//! Names that every store takes, and how any other name becomes one.

use std::fmt::Write as _;

use super::FileError;

const BUCKET_RULE: &str = "use 3 to 63 lower-case letters, digits and hyphens, \
     with a letter or digit at both ends";
const KEY_RULE: &str = "use 1 to 1024 bytes of segments separated by `/`, each 1 to 240 letters, \
     digits, `-`, `_`, `.` or `%`, and none `.` or `..`";

const MAX_KEY: usize = 1024;
/// File systems stop at 255 bytes; the rest is for suffixes a store may need.
const MAX_SEGMENT: usize = 240;
/// What [`key_segment`] keeps: enough to recognise a file by, with room for a number before it.
const MAX_ENCODED: usize = 120;

/// Whether every store takes `bucket` as the name of a bucket.
///
/// # Errors
/// [`FileError::InvalidName`] if not.
///
/// ```
/// use distributed_task::files::check_bucket;
///
/// assert!(check_bucket("incoming-files").is_ok());
/// assert!(check_bucket("../incoming").is_err());
/// ```
pub fn check_bucket(bucket: &str) -> Result<(), FileError> {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let at_ends = !bucket.starts_with('-') && !bucket.ends_with('-');
    if (3..=63).contains(&bucket.len()) && at_ends && bucket.bytes().all(inside) {
        return Ok(());
    }
    Err(FileError::InvalidName { name: bucket.to_owned(), what: "a bucket", rule: BUCKET_RULE })
}

/// Whether every store takes `key` as a key, or as a non-empty prefix of keys.
///
/// # Errors
/// [`FileError::InvalidName`] if not.
///
/// ```
/// use distributed_task::files::check_key;
///
/// assert!(check_key("create-zip/0192/upload/0/3-photo.jpg").is_ok());
/// assert!(check_key("create-zip/../secrets").is_err());
/// ```
pub fn check_key(key: &str) -> Result<(), FileError> {
    if key.len() <= MAX_KEY && key.split('/').all(is_segment) {
        return Ok(());
    }
    Err(FileError::InvalidName { name: key.to_owned(), what: "an object", rule: KEY_RULE })
}

fn is_segment(segment: &str) -> bool {
    (1..=MAX_SEGMENT).contains(&segment.len())
        && segment != "."
        && segment != ".."
        && segment.bytes().all(|b| b == b'%' || is_plain(b))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Makes a valid segment of a key out of any name, for people to recognise it by.
///
/// Letters, digits, `-`, `_` and inner dots stay, every other byte is percent-encoded, and a long
/// name loses its end: two names may have one segment, so whoever needs a unique key adds a number.
///
/// ```
/// use distributed_task::files::key_segment;
///
/// assert_eq!(key_segment("Größe.txt"), "Gr%C3%B6%C3%9Fe.txt");
/// assert_eq!(key_segment("../etc/passwd"), "%2E.%2Fetc%2Fpasswd");
/// assert_eq!(key_segment(""), "%");
/// ```
pub fn key_segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len().min(MAX_ENCODED));
    for (at, byte) in name.bytes().enumerate() {
        let before = segment.len();
        // A leading dot would hide the file in a folder, or make it `.` or `..`.
        if is_plain(byte) && !(byte == b'.' && at == 0) {
            segment.push(char::from(byte));
        } else {
            write!(segment, "%{byte:02X}").expect("writing to a string cannot fail");
        }
        if segment.len() > MAX_ENCODED {
            segment.truncate(before);
            break;
        }
    }
    if segment.is_empty() { "%".to_owned() } else { segment }
}

/// Joins names to a prefix of keys, each made safe by [`key_segment`].
///
/// ```
/// use distributed_task::files::key_prefix;
///
/// assert_eq!(key_prefix(["create-zip", "0192", "größe", "0"]), "create-zip/0192/gr%C3%B6%C3%9Fe/0");
/// ```
pub fn key_prefix<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(key_segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_becomes_a_valid_segment() {
        let long = "ü".repeat(300);
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "x#12", "\0\n\u{7f}", "日本語", &long]
        {
            let segment = key_segment(name);
            assert!(check_key(&segment).is_ok(), "{name:?} became {segment:?}");
            assert!(check_key(&format!("{}-{segment}", u64::MAX)).is_ok());
        }
    }

    #[test]
    fn a_long_name_is_not_cut_inside_an_escape() {
        let segment = key_segment(&format!("a{}", "ü".repeat(100)));
        assert!(segment.len() <= MAX_ENCODED);
        assert!((segment.len() - 1).is_multiple_of(3));
    }

    #[test]
    fn invalid_names_say_what_to_use_instead() {
        let error = check_bucket("Incoming").expect_err("upper case");
        assert_eq!(
            error.to_string(),
            "`Incoming` cannot name a bucket: use 3 to 63 lower-case letters, digits and hyphens, \
             with a letter or digit at both ends"
        );
    }
}
