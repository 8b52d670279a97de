//! The sources of the repository, and the tests in them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Where tests are.
const FOLDERS: [&str; 5] = ["runtime/src", "macros/src", "tests/tests", "tests/ui", "examples"];

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A page of the documentation, as it stands in its file.
pub(crate) fn page(name: &str) -> String {
    read(at(&format!("runtime/src/docs/{name}.rs")))
}

/// Every file with Rust code but those here, which quote tests that do not exist.
pub(crate) fn sources() -> Vec<String> {
    let (mut sources, mut folders) = (Vec::new(), FOLDERS.map(at).to_vec());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("tests/pages") {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == "rs") {
                sources.push(read(&path));
            }
        }
    }
    sources
}

/// The names of the tests in a file.
pub(crate) fn tests(code: &str) -> Vec<&str> {
    let (mut names, mut is_test) = (Vec::new(), false);
    for line in code.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = line.trim_start_matches("async ").strip_prefix("fn ") {
            // Those of leases run on several stores, and get their attributes from a macro.
            if std::mem::take(&mut is_test) || name.contains("(world: World)") {
                names.extend(name.split('(').next());
            }
        }
    }
    names
}

/// The names of all tests.
pub(crate) fn all_tests() -> BTreeSet<String> {
    sources().iter().flat_map(|code| tests(code)).map(str::to_owned).collect()
}
