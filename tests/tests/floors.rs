//! The house has floors, and imports go down only.
//!
//! The runtime's sources are read token by token: every path that begins with `crate`, or that
//! climbs there by `super`, is held against the table below. What stands in comments and strings
//! does not count; what stands in macros does.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use self::Floor::{Backends, Builder, Kernel, Kit, Orchestrator, Root, Simulation, Suites, Traits};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    /// 0: pure.
    Kernel,
    /// 1: one trait each, with its contract, and the loop that backends and coordination run on.
    Traits,
    /// 2: drives the kernel against the traits.
    Orchestrator,
    /// 2: the traits over something.
    Backends,
    /// 4: the only one that names backends.
    Builder,
    /// Checks of the contracts.
    Suites,
    /// Runs the engine in a world of its own, in tests only.
    Simulation,
    /// Tests of sagas: builds tasks, on backends of its own.
    Kit,
    /// `lib.rs` and what it shows to the outside.
    Root,
}

/// Which floor each room is on; the longest name counts.
const ROOMS: &[(&str, Floor)] = &[
    ("kernel", Kernel),
    ("clock", Traits),
    ("codec", Traits),
    ("event_loop", Traits),
    ("files", Traits),
    ("journal", Traits),
    ("lease", Traits),
    ("lock", Traits),
    ("progress", Traits),
    ("queue", Traits),
    ("orchestrator", Orchestrator),
    ("task", Orchestrator),
    ("coordination", Orchestrator),
    ("backend", Backends),
    ("builder", Builder),
    ("conformance", Suites),
    ("simulation", Simulation),
    ("testing", Kit),
    ("__private", Root),
    ("docs", Root),
];

/// Backends that are built on another one: the journal in a file is the one in memory with a file
/// below it.
const ABOVE: &[(&str, &str)] = &[("sqlite", "memory")];

/// What each floor may import.
const TABLE: &[(Floor, &[Floor])] = &[
    (Kernel, &[Kernel]),
    (Traits, &[Kernel, Traits]),
    (Orchestrator, &[Kernel, Traits, Orchestrator]),
    (Backends, &[Kernel, Traits, Backends]),
    (Builder, &[Kernel, Traits, Orchestrator, Backends, Builder]),
    (Suites, &[Kernel, Traits, Suites]),
    (Simulation, &[Kernel, Traits, Orchestrator, Backends, Suites, Simulation]),
    (Kit, &[Kernel, Traits, Orchestrator, Backends, Builder, Kit]),
    (Root, &[Kernel, Traits, Orchestrator, Backends, Builder, Suites, Kit, Root]),
];

/// What backends may not import from the kernel: they keep values and decide nothing.
const DECIDES: &[&str] = &["Command", "Decision", "Event", "Judge", "Machine", "State"];

#[test]
fn imports_go_down_only() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
    let files = rust_files(&sources);
    assert!(files.len() > 20, "no sources in {}", sources.display());
    let read = |file: &Path| fs::read_to_string(file).expect("it can be read");
    let shown = imports_of(&[], &read(&sources.join("lib.rs")));
    let mut broken = Vec::new();
    for file in files {
        let name = file.strip_prefix(&sources).expect("it was found there");
        broken.extend(check(name, &read(&file), &shown));
    }
    let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// An import that the table does not allow.
#[derive(Debug)]
struct Broken {
    file: PathBuf,
    line: usize,
    path: String,
    advice: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, path, advice } = self;
        write!(f, "runtime/src/{}:{line}: `{path}`: {advice}", file.display())
    }
}

/// Holds the imports of one file, named from the source folder on, against the table. What
/// `lib.rs` shows is where it comes from.
fn check(file: &Path, source: &str, shown: &[Import]) -> Vec<Broken> {
    let module = module_of(file);
    let broken = |Import { line, path }: Import| {
        let home = shown.iter().find(|shown| shown.path.last() == path.first());
        let advice = judge(&module, home.map_or(&path, |home| &home.path))?;
        Some(Broken { file: file.to_owned(), line, path: path.join("::"), advice })
    };
    imports_of(&module, source).into_iter().filter_map(broken).collect()
}

fn imports_of(module: &[String], source: &str) -> Vec<Import> {
    let tokens: TokenStream = source.parse().expect("it is Rust");
    let mut imports = Vec::new();
    find_imports(tokens, module, &mut imports);
    imports
}

/// `kernel/state.rs` is `kernel::state`, `kernel/mod.rs` is `kernel`, `lib.rs` is the root.
fn module_of(file: &Path) -> Vec<String> {
    let path = file.with_extension("");
    let mut module: Vec<String> =
        path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    module.pop_if(|last| last == "mod" || last == "lib");
    module
}

/// What to do about an import; `None` when it is allowed.
fn judge(module: &[String], path: &[String]) -> Option<String> {
    let Some(floor) = floor_of(module) else {
        return Some(format!("`{}` is on no floor: enter its room in `ROOMS`", module.join("::")));
    };
    // What is in no room stands in `lib.rs`.
    let target_floor = floor_of(path).unwrap_or(Root);
    let (_, allowed) = TABLE.iter().find(|(of, _)| *of == floor)?;
    // A backend's own tests may run the suite of its trait on a store that is broken on purpose.
    let runs_its_suite = floor == Backends
        && target_floor == Suites
        && module.last().is_some_and(|last| last == "tests");
    if !allowed.contains(&target_floor) && !runs_its_suite {
        return Some(format!(
            "{floor:?} may import {allowed:?}, and this is {target_floor:?}: move what both need \
             down, or hand it in from above"
        ));
    }
    let beside = |(above, below): &(&str, &str)| {
        module.get(1).is_some_and(|of| of == above) && path.get(1).is_some_and(|to| to == below)
    };
    if floor == Backends
        && target_floor == Backends
        && module.get(1) != path.get(1)
        && !ABOVE.iter().any(beside)
    {
        return Some("a backend knows its own folder only: both may share a trait".to_owned());
    }
    if floor == Backends && path.get(1).is_some_and(|name| DECIDES.contains(&name.as_str())) {
        return Some("a backend keeps what the kernel decides; deciding is above it".to_owned());
    }
    None
}

fn floor_of(path: &[String]) -> Option<Floor> {
    if path.is_empty() {
        return Some(Root);
    }
    let inside = |room: &str| {
        room.split("::").zip(path).all(|(name, of)| name == of)
            && room.split("::").count() <= path.len()
    };
    let rooms = ROOMS.iter().filter(|(room, _)| inside(room));
    rooms.max_by_key(|(room, _)| room.len()).map(|(_, floor)| *floor)
}

/// A path from the root of the crate.
struct Import {
    line: usize,
    path: Vec<String>,
}

/// Finds every path of `module` that begins at the root or climbs above its own room.
fn find_imports(tokens: TokenStream, module: &[String], imports: &mut Vec<Import>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at..] {
            [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..]
                if word == "mod" && body.delimiter() == Delimiter::Brace =>
            {
                let mut inner = module.to_vec();
                inner.push(name.to_string());
                find_imports(body.stream(), &inner, imports);
                at += 3;
            }
            [TokenTree::Ident(word), rest @ ..] if word == "crate" && is_colons(rest) => {
                expand(Vec::new(), &tokens[at + 3..], imports);
                at += 3;
            }
            [TokenTree::Ident(word), rest @ ..] if word == "super" && is_colons(rest) => {
                let mut base = module.to_vec();
                while matches!(&tokens[at..],
                    [TokenTree::Ident(word), rest @ ..] if word == "super" && is_colons(rest))
                {
                    base.pop();
                    at += 3;
                }
                if base.is_empty() || base.first() == module.first() && base.len() == 1 {
                    expand(base, &tokens[at..], imports);
                }
            }
            [TokenTree::Group(group), ..] => {
                find_imports(group.stream(), module, imports);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(first), TokenTree::Punct(second), ..]
        if first.as_char() == ':' && second.as_char() == ':')
}

/// The paths of a use tree that goes on behind `base`.
fn expand(base: Vec<String>, tokens: &[TokenTree], imports: &mut Vec<Import>) {
    match tokens {
        [TokenTree::Ident(name), rest @ ..] => {
            let mut path = base;
            path.push(name.to_string());
            if is_colons(rest) {
                return expand(path, &rest[2..], imports);
            }
            imports.push(Import { line: name.span().start().line, path });
        }
        [TokenTree::Group(group), ..] if group.delimiter() == Delimiter::Brace => {
            let branches: Vec<TokenTree> = group.stream().into_iter().collect();
            let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
            for branch in branches.split(is_comma).filter(|branch| !branch.is_empty()) {
                expand(base.clone(), branch, imports);
            }
        }
        // `*`, or generic arguments behind a turbofish: the path so far is what counts.
        [other, ..] => imports.push(Import { line: other.span().start().line, path: base }),
        [] => {}
    }
}

// ---- the reader itself ---------------------------------------------------------------------------

fn broken(file: &str, source: &str) -> Vec<(usize, String)> {
    let shown = imports_of(&[], "pub use crate::{orchestrator::Task, kernel::SagaId};");
    check(Path::new(file), source, &shown)
        .into_iter()
        .map(|broken| (broken.line, broken.path))
        .collect()
}

#[test]
fn every_branch_of_a_use_tree_is_read() {
    let source =
        "use std::fmt;\nuse crate::{\n    kernel::{State, Record},\n    orchestrator::Host,\n};";
    assert_eq!(broken("journal.rs", source), [(4, "orchestrator::Host".to_owned())]);
}

#[test]
fn paths_inside_functions_and_macros_are_read() {
    let source = "fn f() {\n    trace!(crate::backend::memory::MemoryJournal::new());\n}";
    let path = "backend::memory::MemoryJournal::new".to_owned();
    assert_eq!(broken("orchestrator/host.rs", source), [(2, path)]);
}

#[test]
fn climbing_out_of_the_room_is_read() {
    let source = "use super::super::builder::Builder;";
    assert_eq!(broken("kernel/state.rs", source), [(1, "builder::Builder".to_owned())]);
    assert_eq!(broken("kernel/mod.rs", "use super::files::X;"), [(1, "files::X".to_owned())]);
    assert_eq!(broken("clock.rs", "mod tests {\n    use super::*;\n}"), []);
}

#[test]
fn a_backend_keeps_to_its_folder_and_to_values() {
    assert_eq!(broken("backend/memory/queue.rs", "use crate::backend::memory::Shard;"), []);
    let other = "use crate::backend::files::ObjectFiles;";
    assert_eq!(broken("backend/memory/queue.rs", other).len(), 1);
    let neighbour = "use super::super::files::ObjectFiles;";
    assert_eq!(broken("backend/memory/queue.rs", neighbour).len(), 1);
    let decides = "use crate::kernel::{Machine, Record};";
    assert_eq!(broken("backend/memory/journal.rs", decides), [(1, "kernel::Machine".to_owned())]);
    let suite = "use crate::conformance::queue;";
    assert_eq!(broken("backend/memory/queue.rs", suite).len(), 1);
    assert_eq!(broken("backend/memory/queue/tests.rs", suite), []);
}

#[test]
fn what_the_root_shows_is_where_it_comes_from() {
    let source = "use crate::{Task, SagaId};";
    assert_eq!(broken("journal.rs", source), [(1, "Task".to_owned())]);
    assert_eq!(broken("task/define.rs", source), []);
    assert_eq!(broken("task/define.rs", "use crate::prelude::*;").len(), 1);
}

#[test]
fn comments_and_strings_are_not_imports() {
    let source =
        "//! See [`Task`](crate::Task).\n/* crate::builder::X */ const A: &str = \"crate::X\";";
    assert_eq!(broken("kernel/mod.rs", source), []);
}

#[test]
fn a_new_room_asks_for_its_floor() {
    assert_eq!(broken("http.rs", "use crate::kernel::SagaId;").len(), 1);
}
