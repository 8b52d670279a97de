//! As much of the language of Prometheus as the documented alerts use, over two scrapes of a program: what the
//! first one does not have has not increased. Panics at anything else.

use std::collections::BTreeMap;

use crate::recorded::Series;

type Labels = BTreeMap<String, String>;
/// The value for each set of labels.
pub type Vector = BTreeMap<Labels, f64>;

/// What an expression comes to, which is nothing where an alert is silent.
pub fn evaluate(expression: &str, scrapes: [&BTreeMap<Series, f64>; 2]) -> Vector {
    let mut reader = Reader { rest: expression, scrapes };
    let result = reader.and();
    assert!(reader.rest.trim().is_empty(), "`{}` of `{expression}` is not read", reader.rest);
    result
}

struct Reader<'a> {
    rest: &'a str,
    scrapes: [&'a BTreeMap<Series, f64>; 2],
}

impl<'a> Reader<'a> {
    fn takes(&mut self, text: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn must(&mut self, text: &str) {
        assert!(self.takes(text), "`{text}` is missing before `{}`", self.rest);
    }

    fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn and(&mut self) -> Vector {
        let mut left = self.comparison();
        while self.takes("and ") {
            let right = self.comparison();
            left.retain(|labels, _| right.contains_key(labels));
        }
        left
    }

    fn comparison(&mut self) -> Vector {
        let mut left = self.quotient();
        for (sign, holds) in [(">", f64::gt as fn(&f64, &f64) -> bool), ("<", f64::lt)] {
            if self.takes(sign) {
                let bound = self.word().parse().expect("a number");
                left.retain(|_, value| holds(value, &bound));
            }
        }
        left
    }

    fn quotient(&mut self) -> Vector {
        let mut left = self.term();
        if self.takes("/") {
            let right = self.term();
            left.retain(|labels, value| match right.get(labels) {
                Some(divisor) => {
                    *value /= divisor;
                    true
                }
                None => false,
            });
        }
        left
    }

    fn term(&mut self) -> Vector {
        if self.takes("sum") {
            let by = self.takes("by").then(|| {
                self.must("(");
                let label = self.word().to_owned();
                self.must(")");
                label
            });
            self.must("(");
            let mut sums = Vector::new();
            for (mut labels, value) in self.term() {
                labels.retain(|label, _| by.as_ref() == Some(label));
                *sums.entry(labels).or_default() += value;
            }
            self.must(")");
            return sums;
        }
        for function in ["increase(", "rate("] {
            if self.takes(function) {
                let [before, now] = self.selectors();
                self.must("[");
                let window = humantime::parse_duration(self.word()).expect("a window");
                self.must("]");
                self.must(")");
                let each = match function {
                    "rate(" => window.as_secs_f64(),
                    _ => 1.0,
                };
                let increased = now.into_iter().filter_map(|(labels, value)| {
                    let increased = value - before.get(&labels)?;
                    Some((labels, increased / each))
                });
                return increased.collect();
            }
        }
        let [_, now] = self.selectors();
        now
    }

    /// The same of both scrapes.
    fn selectors(&mut self) -> [Vector; 2] {
        let (name, mut wanted) = (self.word(), Vec::new());
        if self.takes("{") {
            loop {
                let label = self.word();
                let begins = self.takes("=~");
                if !begins {
                    self.must("=");
                }
                self.must("\"");
                let (value, rest) = self.rest.split_once('"').expect("a value ends");
                self.rest = rest;
                wanted.push((label, begins, value));
                if !self.takes(",") {
                    break;
                }
            }
            self.must("}");
        }
        let matches = |labels: &Labels| {
            wanted.iter().all(|(label, begins, value)| {
                let told = labels.get(*label).map_or("", |told| told);
                match begins {
                    true => told.starts_with(value.strip_suffix(".+").expect("a beginning")),
                    false => told == *value,
                }
            })
        };
        self.scrapes.map(|told| {
            let of_that_name = told.iter().filter(|((told, _), _)| told == name);
            let found = of_that_name.filter(|((_, labels), _)| matches(labels));
            found.map(|((_, labels), value)| (labels.clone(), *value)).collect()
        })
    }
}

#[test]
fn it_is_read_as_prometheus_does() {
    let series = |name: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        (name.to_owned(), labels.collect::<Labels>())
    };
    let first = BTreeMap::from([
        (series("a", &[("k", "x:2"), ("r", "no")]), 0.0),
        (series("a", &[("k", "y"), ("r", "yes")]), 0.0),
    ]);
    let told = BTreeMap::from([
        (series("a", &[("k", "x:1"), ("r", "no")]), 3.0),
        (series("a", &[("k", "x:2"), ("r", "no")]), 5.0),
        (series("a", &[("k", "y"), ("r", "yes")]), 60.0),
        (series("b", &[]), 2.0),
    ]);
    let values =
        |expression| evaluate(expression, [&first, &told]).into_values().collect::<Vec<_>>();
    assert_eq!(values("sum(a)"), [68.0]);
    assert_eq!(values("sum(a{r=\"no\"}) / sum(b)"), [4.0]);
    assert_eq!(values("sum by (k) (increase(a{k=~\"x:.+\"}[5m])) > 4"), [5.0]);
    assert_eq!(values("sum(increase(a{k=~\"x:.+\",r=\"no\"}[5m]))"), [5.0]);
    assert_eq!(values("rate(a{k=\"y\"}[1m])"), [1.0]);
    assert_eq!(values("increase(b[1m])"), [0.0; 0]);
    assert_eq!(values("sum(a) > 1 and sum(b) < 3"), [68.0]);
    assert_eq!(values("sum(a) > 1 and sum(b) < 2"), [0.0; 0]);
}
