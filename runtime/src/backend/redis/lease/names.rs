//! What the keys of a lease are called: `<namespace>:{<name>}:` and a letter or two. The name is the hash tag,
//! so that all are in one slot.

use std::{borrow::Cow, fmt::Write as _};

use sha2::{Digest, Sha256};

/// The longest name that stands in a key as it is, in bytes.
const LONGEST: usize = 512;
/// What of a longer one does, before a hash of all of it.
const BEGINNING: usize = LONGEST - 65;

/// What is kept of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who has it alone.
    Lease,
    /// The last fence.
    Fence,
    /// Who waits, by order of arrival.
    Queue,
    /// Until when each of them waits.
    Deadlines,
    /// Who shares it, and until when.
    Readers,
    /// From whom an operator took it.
    Forced,
    /// Which attempt its last run was, if that did not end.
    Attempt,
    /// Who stands for it, and what each says of itself.
    Candidates,
    /// Until when each of them is live.
    Seen,
}

pub(super) fn keys<const N: usize>(namespace: &str, name: &str, kinds: [Kind; N]) -> [String; N] {
    keys_of(namespace, &tag(name), kinds)
}

/// The same of a tag.
pub(super) fn keys_of<const N: usize>(namespace: &str, tag: &str, kinds: [Kind; N]) -> [String; N] {
    kinds.map(|kind| {
        let letter = match kind {
            Kind::Lease => "l",
            Kind::Fence => "f",
            Kind::Queue => "q",
            Kind::Deadlines => "d",
            Kind::Readers => "r",
            Kind::Forced => "x",
            Kind::Attempt => "n",
            Kind::Candidates => "c",
            Kind::Seen => "cs",
        };
        [namespace, ":{", tag, "}:", letter].concat()
    })
}

/// What the channels begin with on which processes are told that it is their turn.
pub(super) fn channels(namespace: &str) -> String {
    format!("{namespace}:wake:")
}

/// What all keys of names match that somebody has.
pub(super) fn held(namespace: &str) -> String {
    let mut pattern = String::with_capacity(namespace.len());
    for character in namespace.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + ":{*}:[lr]"
}

/// The tag in such a key.
pub(super) fn tag_in<'a>(namespace: &str, key: &'a str) -> Option<&'a str> {
    Some(key.strip_prefix(namespace)?.strip_prefix(":{")?.rsplit_once("}:")?.0)
}

/// The name that has this tag; of a long one what is known of it.
pub(super) fn name_of_tag(tag: &str) -> String {
    if tag == "%" {
        return String::new();
    }
    let mut parts = tag.split('%');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.split_at_checked(2);
        let decoded =
            code.and_then(|(code, rest)| Some((u8::from_str_radix(code, 16).ok()?, rest)));
        match decoded {
            Some((code, rest)) => {
                name.push(char::from(code));
                name.push_str(rest);
            }
            // It was cut there.
            None => {
                name.push('%');
                name.push_str(part);
            }
        }
    }
    name
}

/// Without what would end the tag, and without what is no text to read. No two names have one.
fn tag(name: &str) -> Cow<'_, str> {
    let is_special = |it: char| matches!(it, '{' | '}' | '%' | '#') || it.is_control();
    if (1..=LONGEST).contains(&name.len()) && !name.contains(is_special) {
        return name.into();
    }
    let mut tag = String::with_capacity(name.len());
    for character in name.chars() {
        match is_special(character) {
            true => write!(tag, "%{:02X}", character as u32),
            false => tag.write_char(character),
        }
        .expect("a string takes everything");
    }
    if tag.is_empty() {
        // No other name has one that is only this.
        return "%".into();
    }
    if tag.len() > LONGEST {
        let all = Sha256::digest(name);
        while tag.len() > BEGINNING {
            tag.pop();
        }
        tag.push('#');
        all.iter().for_each(|byte| write!(tag, "{byte:02x}").expect("a string takes everything"));
    }
    tag.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_in_its_keys_as_it_is() {
        let wanted = ["shop:{nightly:Bericht für 7}:l", "shop:{nightly:Bericht für 7}:f"];
        assert_eq!(keys("shop", "nightly:Bericht für 7", [Kind::Lease, Kind::Fence]), wanted);
    }

    #[test]
    fn what_would_end_or_empty_the_tag_is_written_otherwise() {
        for (name, wanted) in
            [("", "%"), ("{a}", "%7Ba%7D"), ("%7B", "%257B"), ("a\n", "a%0A"), ("#", "%23")]
        {
            assert_eq!(tag(name), wanted);
        }
    }

    #[test]
    fn a_key_tells_its_name() {
        for name in ["", "nightly:Bericht für 7", "{a}", "%7B", "a\n", "#", "}:l"] {
            let [key] = keys("shop", name, [Kind::Lease]);
            assert_eq!(tag_in("shop", &key).map(name_of_tag).as_deref(), Some(name), "{key}");
        }
        assert_eq!(tag_in("shop", "shop:other"), None);
        let long = "{".repeat(600);
        assert!(long.starts_with(&name_of_tag(&tag(&long))[..100]));
        assert_eq!(held("a*b"), "a\\*b:{*}:[lr]");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = "é".repeat(5_000);
        let (one, other) = (format!("{long}a"), format!("{long}A"));
        let (one, other) = (tag(&one), tag(&other));
        assert!(one.len() <= LONGEST && one.starts_with("éé"), "{one}");
        assert_ne!(one, other);
        assert_eq!(tag(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
    }
}
