//! The arguments of an attribute: a table of words says what each looks like; reading goes on
//! after a mistake, so that all are told at once.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use syn::{
    Ident, LitInt, LitStr, Path, Token, Type,
    ext::IdentExt,
    parse::{ParseStream, Parser, discouraged::Speculative},
    punctuated::Punctuated,
    token::{Bracket, Paren},
};

use crate::{
    diag::{self, Errors, listed, unknown},
    names::spelled,
};

/// An attribute and the words it knows.
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) words: &'static [Word],
    /// Words that other attributes know, and what to do here instead.
    pub(crate) refused: &'static [(&'static str, &'static str)],
}

/// One word: how it looks, with an example to copy.
pub(crate) struct Word {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) example: &'static str,
}

/// What follows a word.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Nothing.
    Flag,
    /// `= "text"`.
    Text,
    /// `= "text"`, or `("text", ..)`.
    Texts,
    /// `= 3`.
    Count,
    /// `= a::Type`.
    Type,
    /// `= a::path`.
    Path,
    /// `= method`.
    Method,
    /// `(word = .., ..)`.
    List(&'static [Word]),
}

/// The arguments as written.
#[derive(Default)]
pub(crate) struct Args {
    read: Vec<(Ident, Value)>,
    /// The words that were probably meant where something could not be read.
    meant: Vec<&'static str>,
}

enum Value {
    Flag,
    Text(LitStr),
    Texts(Vec<LitStr>),
    Count(LitInt),
    Type(Type),
    Path(Path),
    Method(Ident),
    List(Args),
}

impl Args {
    pub(crate) fn read(tokens: TokenStream, attribute: &Attribute, errors: &Errors) -> Self {
        let read = |input: ParseStream<'_>| {
            let mut args = Self::default();
            args.fill(input, attribute, errors);
            Ok(args)
        };
        read.parse2(tokens).unwrap_or_else(|error| {
            errors.push(error);
            Self::default()
        })
    }

    fn fill(&mut self, input: ParseStream<'_>, attribute: &Attribute, errors: &Errors) {
        while !input.is_empty() {
            if let Err(error) = self.one(input, attribute, errors) {
                errors.push(error);
                skip_to_comma(input);
            }
            let comma: Option<Token![,]> = input.parse().ok();
            if comma.is_none() && !input.is_empty() {
                errors.push(input.error("write a comma between two arguments"));
                skip_to_comma(input);
                let _: Option<Token![,]> = input.parse().ok();
            }
        }
    }

    fn one(
        &mut self,
        input: ParseStream<'_>,
        attribute: &Attribute,
        errors: &Errors,
    ) -> syn::Result<()> {
        let key = input
            .call(Ident::parse_any)
            .map_err(|e| syn::Error::new(e.span(), attribute.unnamed(input)))?;
        let name = kebab(&key, input)?;
        let word = attribute.word(&name, key.span()).inspect_err(|_| {
            let known: Vec<&str> = attribute.words.iter().map(|word| word.name).collect();
            self.meant.extend(diag::meant(&name, &known));
        })?;
        if self.read.iter().any(|(written, _)| *written == key) {
            errors.at(&key, format!("`{key}` is written twice: remove one"));
        }
        self.meant.push(word.name);
        let value = word.value(&key, input, attribute, errors)?;
        self.read.push((key, value));
        Ok(())
    }

    /// As if every word were written, but could not be read.
    pub(crate) fn unreadable(attribute: &Attribute) -> Self {
        let meant = attribute.words.iter().map(|word| word.name).collect();
        Self { read: Vec::new(), meant }
    }

    fn get(&self, name: &str) -> Option<(&Ident, &Value)> {
        let (key, value) = self.read.iter().find(|(key, _)| key == name)?;
        Some((key, value))
    }

    /// Whether the word is written, or something that was probably meant to be it.
    pub(crate) fn meant(&self, name: &str) -> bool {
        self.meant.contains(&name)
    }

    /// The word itself, when it is written.
    pub(crate) fn key(&self, name: &str) -> Option<&Ident> {
        self.get(name).map(|(key, _)| key)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&LitStr> {
        match self.get(name)?.1 {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Every one of them.
    pub(crate) fn texts(&self, name: &str) -> &[LitStr] {
        match self.get(name) {
            Some((_, Value::Texts(texts))) => texts,
            _ => &[],
        }
    }

    /// A count that fits; a mistake otherwise.
    pub(crate) fn count(&self, name: &str, errors: &Errors) -> Option<(u32, Span)> {
        let Value::Count(count) = self.get(name)?.1 else { return None };
        match count.base10_parse() {
            Ok(n) => Some((n, count.span())),
            Err(_) => {
                errors.at(count, format!("write a whole number up to {}", u32::MAX));
                None
            }
        }
    }

    pub(crate) fn ty(&self, name: &str) -> Option<&Type> {
        match self.get(name)?.1 {
            Value::Type(ty) => Some(ty),
            _ => None,
        }
    }

    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        match self.get(name)?.1 {
            Value::Path(path) => Some(path),
            _ => None,
        }
    }

    pub(crate) fn method(&self, name: &str) -> Option<&Ident> {
        match self.get(name)?.1 {
            Value::Method(method) => Some(method),
            _ => None,
        }
    }

    pub(crate) fn list(&self, name: &str) -> Option<&Args> {
        match self.get(name)?.1 {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// One of a few words in quotes.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
        errors: &Errors,
    ) -> Option<T> {
        let text = self.text(name)?;
        let chosen = choices.iter().find(|(word, _)| *word == text.value());
        if chosen.is_none() {
            let known = choices.iter().map(|(word, _)| *word);
            errors.at(text, unknown(&format!("`{name}` cannot be"), &text.value(), known));
        }
        chosen.map(|(_, choice)| *choice)
    }
}

impl Attribute {
    /// What to write in the place of a value without a name. A number alone means the first word,
    /// where that is a count.
    fn unnamed(&self, input: ParseStream<'_>) -> String {
        match (self.words.first(), input.fork().parse::<LitInt>()) {
            (Some(Word { name, shape: Shape::Count, .. }), Ok(count)) => {
                format!("write `{name} = {count}`")
            }
            _ => "write the name of an argument".to_owned(),
        }
    }

    fn word(&self, name: &str, span: Span) -> syn::Result<&'static Word> {
        if let Some(word) = self.words.iter().find(|word| word.name == name) {
            return Ok(word);
        }
        let refused = self.refused.iter().find(|(word, _)| *word == name);
        let why = match refused {
            Some((_, instead)) => (*instead).to_owned(),
            None => {
                let known = self.words.iter().map(|word| word.name);
                unknown(&format!("`{}` has no argument", self.name), name, known)
            }
        };
        Err(syn::Error::new(span, why))
    }
}

impl Word {
    fn value(
        &self,
        key: &Ident,
        input: ParseStream<'_>,
        attribute: &Attribute,
        errors: &Errors,
    ) -> syn::Result<Value> {
        let wrong = |span| syn::Error::new(span, format!("write `{}`", self.example));
        match self.shape {
            Shape::Flag if input.peek(Token![=]) || input.peek(Paren) => {
                return Err(syn::Error::new(input.span(), format!("write `{}` alone", self.name)));
            }
            Shape::Flag => return Ok(Value::Flag),
            Shape::List(words) => {
                if !input.peek(Paren) {
                    return Err(wrong(key.span()));
                }
                return Ok(Value::List(self.list(input, words, attribute, errors)?));
            }
            Shape::Texts if input.peek(Paren) => return self.texts(input).map(Value::Texts),
            _ => {}
        }
        if !input.peek(Token![=]) {
            return Err(wrong(key.span()));
        }
        input.parse::<Token![=]>()?;
        let span = if input.is_empty() { key.span() } else { input.span() };
        if let Some(texts) = bracketed(input).filter(|_| matches!(self.shape, Shape::Texts)) {
            return Err(syn::Error::new(span, format!("write `{}({texts})`", self.name)));
        }
        let value = match self.shape {
            Shape::Text => input.parse().map(Value::Text),
            Shape::Texts => input.parse().map(|text| Value::Texts(vec![text])),
            Shape::Count => input.parse().map(Value::Count),
            Shape::Type => input.parse().map(Value::Type),
            Shape::Path => input.call(Path::parse_mod_style).map(Value::Path),
            _ => input.parse().map(Value::Method),
        };
        match value {
            Ok(_) if input.peek(Token![::]) || input.peek(Paren) => Err(wrong(span)),
            value => value.map_err(|_| wrong(span)),
        }
    }

    fn texts(&self, input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
        let content;
        let paren = syn::parenthesized!(content in input);
        let wrong = |span| syn::Error::new(span, format!("write `{}`", self.example));
        let texts = Punctuated::<LitStr, Token![,]>::parse_terminated(&content);
        // What is left in the parentheses would be a mistake of its own.
        let _: TokenStream = content.parse()?;
        let texts = texts.map_err(|error| wrong(error.span()))?;
        if texts.is_empty() {
            return Err(wrong(paren.span.join()));
        }
        Ok(texts.into_iter().collect())
    }

    fn list(
        &self,
        input: ParseStream<'_>,
        words: &'static [Word],
        attribute: &Attribute,
        errors: &Errors,
    ) -> syn::Result<Args> {
        let content;
        let paren = syn::parenthesized!(content in input);
        let inner = Attribute { name: self.name, words, refused: attribute.refused };
        if content.is_empty() {
            let names: Vec<&str> = words.iter().map(|word| word.name).collect();
            let message = format!("`{}` needs at least one of {}", self.name, listed(&names));
            errors.at_span(paren.span.join(), message);
        }
        let mut args = Args::default();
        args.fill(&content, &inner, errors);
        Ok(args)
    }
}

/// Texts in brackets, as written, if they are next.
fn bracketed(input: ParseStream<'_>) -> Option<String> {
    let group = input.peek(Bracket).then(|| input.fork().parse::<Group>().ok()).flatten()?;
    let texts = Punctuated::<LitStr, Token![,]>::parse_terminated.parse2(group.stream()).ok()?;
    (!texts.is_empty()).then(|| spelled(texts))
}

/// A name, and what follows it when its words are joined by hyphens.
fn kebab(key: &Ident, input: ParseStream<'_>) -> syn::Result<String> {
    let mut name = key.to_string();
    while input.peek(Token![-]) && input.peek2(Ident::peek_any) {
        input.parse::<Token![-]>()?;
        name = format!("{name}-{}", input.call(Ident::parse_any)?);
    }
    Ok(name)
}

/// Leaves what belongs to a word that could not be read, the commas inside a type included.
fn skip_to_comma(input: ParseStream<'_>) {
    if input.parse::<Token![=]>().is_ok() {
        let fork = input.fork();
        if fork.parse::<Type>().is_ok() {
            input.advance_to(&fork);
        }
    }
    while !input.is_empty() && !input.peek(Token![,]) {
        let _: syn::Result<TokenTree> = input.parse();
    }
}
