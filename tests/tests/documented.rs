//! Every public type of the library is shown in use: its documentation has an example, or says
//! which other one shows it.
//!
//! The sources are read token by token, as modules: public is what stands in public modules, and
//! what they show of private ones. Aliases, and what is hidden, may do without.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

#[test]
fn every_public_type_has_an_example_or_points_to_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
    let library = Library::read(sources(&folder, &folder));
    let types = library.public().into_iter().filter(|item| item.is_type());
    assert!(types.count() > 100, "no types in {}", folder.display());
    let missing: Vec<String> = library.missing().iter().map(ToString::to_string).collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// The text of each source file, by its name from `root` on.
fn sources(root: &Path, folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(sources(root, &path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).expect("it was found there").to_owned();
            found.insert(name, fs::read_to_string(&path).expect("it can be read"));
        }
    }
    found
}

/// A type that is not shown in use.
struct Missing {
    file: PathBuf,
    line: usize,
    name: String,
    advice: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, name, advice } = self;
        write!(f, "runtime/src/{}:{line}: `{name}`: {advice}", file.display())
    }
}

/// The path of a module or of what stands in it, from the root on.
type Route = Vec<String>;

/// All modules of a library.
#[derive(Default)]
struct Library {
    sources: BTreeMap<PathBuf, String>,
    items: BTreeMap<Route, Item>,
    public_modules: BTreeSet<Route>,
    /// What `pub use` shows where, and where it comes from.
    shown: BTreeMap<Route, Route>,
}

/// Something with a name that documentation can be about.
struct Item {
    keyword: String,
    file: PathBuf,
    line: usize,
    docs: String,
}

impl Item {
    fn is_type(&self) -> bool {
        self.keyword != "fn"
    }
}

impl Library {
    fn read(sources: BTreeMap<PathBuf, String>) -> Self {
        let mut library = Self { sources, ..Self::default() };
        library.file(&Route::new(), Path::new("lib.rs"), true);
        library
    }

    fn file(&mut self, module: &Route, file: &Path, public: bool) {
        let source = &self.sources[file];
        let tokens = source.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.module(module, file, public, tokens);
    }

    fn module(&mut self, module: &Route, file: &Path, public: bool, tokens: TokenStream) {
        if public {
            self.public_modules.insert(module.clone());
        }
        for tokens in items(tokens) {
            let Declared { docs, hidden, public: open, words } = Declared::read(&tokens);
            let public = public && open && !hidden;
            match words {
                [TokenTree::Ident(word), TokenTree::Ident(name), rest @ ..] if word == "mod" => {
                    let inner = join(module, name.to_string());
                    match rest {
                        [TokenTree::Group(body), ..] => {
                            self.module(&inner, file, public, body.stream());
                        }
                        _ => self.file(&inner, &self.file_of(&inner), public),
                    }
                }
                [TokenTree::Ident(word), rest @ ..] if word == "use" && open && !hidden => {
                    self.show(module, Route::new(), rest);
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), ..] if open && !hidden => {
                    let line = name.span().start().line;
                    let (keyword, file) = (word.to_string(), file.to_owned());
                    if ["struct", "enum", "trait", "union", "fn"].contains(&&*keyword) {
                        let item = Item { keyword, file, line, docs };
                        self.items.insert(join(module, name.to_string()), item);
                    }
                }
                _ => {}
            }
        }
    }

    /// `kernel::state` is in `kernel/state.rs` or in `kernel/state/mod.rs`.
    fn file_of(&self, module: &Route) -> PathBuf {
        let path: PathBuf = module.iter().collect();
        let alone = path.with_extension("rs");
        if self.sources.contains_key(&alone) { alone } else { path.join("mod.rs") }
    }

    /// Reads a use tree that goes on behind `base`.
    fn show(&mut self, module: &Route, base: Route, tokens: &[TokenTree]) {
        match tokens {
            [TokenTree::Ident(name), TokenTree::Punct(first), TokenTree::Punct(_), rest @ ..]
                if first.as_char() == ':' =>
            {
                self.show(module, join(&base, name.to_string()), rest);
            }
            [TokenTree::Group(group), ..] => {
                let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
                for branch in branches.split(is_comma) {
                    self.show(module, base.clone(), branch);
                }
            }
            [TokenTree::Ident(name), ..] => {
                let mut from = match base.first().map(String::as_str) {
                    Some("crate") => base[1..].to_vec(),
                    Some("self") => [module, &base[1..]].concat(),
                    Some("super") => [&module[..module.len() - 1], &base[1..]].concat(),
                    _ => [&module[..], &base[..]].concat(),
                };
                from.push(name.to_string());
                self.shown.insert(join(module, name.to_string()), from);
            }
            _ => {}
        }
    }

    /// Everything that users can name, by its name.
    fn public(&self) -> Vec<&Item> {
        self.public_routes().iter().map(|route| &self.items[route]).collect()
    }

    fn public_routes(&self) -> BTreeSet<Route> {
        let is_public = |route: &Route| self.public_modules.contains(&route[..route.len() - 1]);
        let here = self.items.keys().filter(|route| is_public(route)).cloned();
        let shown = self.shown.keys().filter(|route| is_public(route));
        here.chain(shown.filter_map(|route| self.origin(route))).collect()
    }

    /// Where something comes from that is shown here; `None` for what another library has.
    fn origin(&self, route: &Route) -> Option<Route> {
        let mut route = self.shown.get(route)?;
        while !self.items.contains_key(route) {
            route = self.shown.get(route)?;
        }
        Some(route.clone())
    }

    fn missing(&self) -> Vec<Missing> {
        let public = self.public_routes();
        let shows: BTreeSet<&str> = public
            .iter()
            .filter(|route| has_example(&self.items[*route].docs))
            .filter_map(|route| route.last().map(String::as_str))
            .collect();
        let missing = |route: &Route| {
            let item = &self.items[route];
            let advice = match pointer(&item.docs) {
                _ if !item.is_type() || has_example(&item.docs) => return None,
                Some(to) if shows.contains(&*to) => return None,
                Some(to) => format!("it points to `{to}`, which has no example: write one there"),
                None => "write what a reader does with it, as a block of code that compiles; or \
                         \"See [`X`] for an example.\", where that of `X` shows it"
                    .to_owned(),
            };
            let (file, line, name) = (item.file.clone(), item.line, route.last()?.clone());
            Some(Missing { file, line, name, advice })
        };
        public.iter().filter_map(missing).collect()
    }
}

fn join(route: &Route, name: String) -> Route {
    [&route[..], &[name]].concat()
}

/// The items of a module: each ends with a semicolon, or with braces.
fn items(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut items = vec![Vec::new()];
    for token in tokens {
        let ends = match &token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(mark) => mark.as_char() == ';',
            _ => false,
        };
        items.last_mut().expect("there is one").push(token);
        if ends {
            items.push(Vec::new());
        }
    }
    items
}

/// What stands before the keyword of an item, and what follows from there on.
struct Declared<'a> {
    docs: String,
    hidden: bool,
    public: bool,
    words: &'a [TokenTree],
}

impl<'a> Declared<'a> {
    fn read(mut tokens: &'a [TokenTree]) -> Self {
        let (mut docs, mut hidden, mut public) = (String::new(), false, false);
        loop {
            match tokens {
                [
                    TokenTree::Punct(hash),
                    TokenTree::Punct(bang),
                    TokenTree::Group(_),
                    rest @ ..,
                ] if hash.as_char() == '#' && bang.as_char() == '!' => {
                    tokens = rest;
                }
                [TokenTree::Punct(hash), TokenTree::Group(attribute), rest @ ..]
                    if hash.as_char() == '#' =>
                {
                    let inside: Vec<TokenTree> = attribute.stream().into_iter().collect();
                    match &inside[..] {
                        [TokenTree::Ident(doc), TokenTree::Punct(_), TokenTree::Literal(text)]
                            if doc == "doc" =>
                        {
                            docs += text.to_string().trim_matches('"').trim();
                            docs.push('\n');
                        }
                        [TokenTree::Ident(doc), TokenTree::Group(how)] if doc == "doc" => {
                            hidden |= how.stream().to_string() == "hidden";
                        }
                        _ => {}
                    }
                    tokens = rest;
                }
                [TokenTree::Ident(word), TokenTree::Group(limit), rest @ ..]
                    if word == "pub" && limit.delimiter() == Delimiter::Parenthesis =>
                {
                    tokens = rest;
                }
                [TokenTree::Ident(word), rest @ ..] if word == "pub" => {
                    public = true;
                    tokens = rest;
                }
                [TokenTree::Ident(word), rest @ ..]
                    if ["async", "const", "unsafe"].iter().any(|before| word == before) =>
                {
                    tokens = rest;
                }
                words => return Self { docs, hidden, public, words },
            }
        }
    }
}

/// Whether a block of the documentation is compiled.
fn has_example(docs: &str) -> bool {
    const COMPILED: [&str; 5] = ["", "rust", "no_run", "should_panic", "compile_fail"];
    // Every other fence closes a block.
    let mut fences = docs.lines().filter_map(|line| line.strip_prefix("```")).step_by(2);
    fences.any(|language| language.split(',').all(|word| COMPILED.contains(&word)))
}

/// The name in ``See [`X`] for an example``; the link may say where it leads.
fn pointer(docs: &str) -> Option<String> {
    let docs = docs.replace('\n', " ");
    docs.split("See [`").skip(1).find_map(|text| {
        let (name, rest) = text.split_once("`]")?;
        let rest = match rest.strip_prefix('(') {
            Some(link) => link.split_once(')')?.1,
            None => rest,
        };
        let points = rest.trim_start().starts_with("for an example");
        name.rsplit("::").next().filter(|_| points).map(str::to_owned)
    })
}

// ---- the reader itself ---------------------------------------------------------------------------

const EXAMPLE: &str = "/// ```\n/// let shown = 1;\n/// ```\n";

/// The types without an example: file, line, name.
fn missing<const N: usize>(files: [(&str, &str); N]) -> Vec<(String, usize, String)> {
    let sources = files.map(|(name, text)| (name.into(), text.replace("EXAMPLE\n", EXAMPLE)));
    let missing = Library::read(sources.into()).missing().into_iter();
    missing
        .map(|Missing { file, line, name, .. }| (file.display().to_string(), line, name))
        .collect()
}

#[test]
fn a_type_without_an_example_is_named_where_it_stands() {
    let source = "/// A.\n#[derive(Debug)]\npub struct A;\n\nEXAMPLE\npub enum B { C }\n";
    assert_eq!(missing([("lib.rs", source)]), [("lib.rs".to_owned(), 3, "A".to_owned())]);
}

#[test]
fn a_drawing_is_no_example() {
    let source = "/// ```text\n/// A ──▶ B\n/// ```\npub struct A;";
    assert_eq!(missing([("lib.rs", source)]).len(), 1);
}

#[test]
fn a_pointer_counts_where_it_leads_to_an_example() {
    let shown = "EXAMPLE\npub struct B;";
    let bare = "pub struct B;";
    for pointer in ["[`B`]", "[`B`](crate::b::B)", "[`b::B`]"] {
        let source = format!("/// A.\n///\n/// See {pointer} for an\n/// example.\npub struct A;");
        assert_eq!(missing([("lib.rs", &format!("{source}\n{shown}"))]), [], "{pointer}");
        assert_eq!(missing([("lib.rs", &format!("{source}\n{bare}"))]).len(), 2, "{pointer}");
    }
    let words = format!("/// See `B` for an example.\npub struct A;\n{shown}");
    assert_eq!(missing([("lib.rs", &words)]).len(), 1, "nobody can click on it");
}

#[test]
fn what_nobody_can_name_needs_no_example() {
    let source = "mod inner { pub struct A; }\npub(crate) mod near { pub struct B; }\n\
                  #[doc(hidden)]\npub mod __private { pub struct C; }\n\
                  #[doc(hidden)]\npub struct D;\npub(crate) struct E;\nstruct F;\n\
                  pub type G = u8;\npub const H: u8 = { 1 };";
    assert_eq!(missing([("lib.rs", source)]), []);
}

#[test]
fn what_is_shown_of_private_modules_is_public() {
    let files = [
        ("lib.rs", "pub mod kernel;\nmod engine;\npub use crate::{engine::Task, kernel::State};"),
        ("kernel/mod.rs", "mod state;\npub use state::{Hidden, State};\npub use super::Other;"),
        ("kernel/state.rs", "pub struct State;\n#[doc(hidden)]\npub struct Hidden;"),
        ("engine.rs", "mod task { pub struct Task; pub struct Own; }\npub use self::task::Task;"),
    ];
    let names: Vec<String> =
        missing(files).into_iter().map(|(file, _, name)| file + " " + &name).collect();
    assert_eq!(names, ["engine.rs Task", "kernel/state.rs State"]);
}
