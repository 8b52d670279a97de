//! As much of the language of Prometheus as the documented alerts use, over one run of a program that began
//! with nothing: what increased is what there is. Panics at anything else.

use std::collections::BTreeMap;

use crate::recorded::Series;

type Labels = BTreeMap<String, String>;
/// The value for each set of labels.
pub type Vector = BTreeMap<Labels, f64>;

/// What an expression comes to, which is nothing where an alert is silent.
pub fn evaluate(expression: &str, told: &BTreeMap<Series, f64>) -> Vector {
    let mut reader = Reader { rest: expression, told };
    let result = reader.and();
    assert!(reader.rest.trim().is_empty(), "`{}` of `{expression}` is not read", reader.rest);
    result
}

struct Reader<'a> {
    rest: &'a str,
    told: &'a BTreeMap<Series, f64>,
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
                let mut vector = self.selector();
                self.must("[");
                let window = humantime::parse_duration(self.word()).expect("a window");
                self.must("]");
                self.must(")");
                if function == "rate(" {
                    vector.values_mut().for_each(|value| *value /= window.as_secs_f64());
                }
                return vector;
            }
        }
        self.selector()
    }

    fn selector(&mut self) -> Vector {
        let (name, mut wanted) = (self.word(), Vec::new());
        if self.takes("{") {
            let label = self.word();
            let begins = self.takes("=~");
            if !begins {
                self.must("=");
            }
            self.must("\"");
            let (value, rest) = self.rest.split_once('"').expect("a value ends");
            self.rest = rest;
            self.must("}");
            wanted.push((label, begins, value));
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
        let of_that_name = self.told.iter().filter(|((told, _), _)| told == name);
        let found = of_that_name.filter(|((_, labels), _)| matches(labels));
        found.map(|((_, labels), value)| (labels.clone(), *value)).collect()
    }
}

#[test]
fn it_is_read_as_prometheus_does() {
    let series = |name: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        (name.to_owned(), labels.collect::<Labels>())
    };
    let told = BTreeMap::from([
        (series("a", &[("k", "x:1"), ("r", "no")]), 3.0),
        (series("a", &[("k", "x:2"), ("r", "no")]), 5.0),
        (series("a", &[("k", "y"), ("r", "yes")]), 60.0),
        (series("b", &[]), 2.0),
    ]);
    let values = |expression| evaluate(expression, &told).into_values().collect::<Vec<_>>();
    assert_eq!(values("sum(a)"), [68.0]);
    assert_eq!(values("sum(a{r=\"no\"}) / sum(b)"), [4.0]);
    assert_eq!(values("sum by (k) (increase(a{k=~\"x:.+\"}[5m])) > 4"), [5.0]);
    assert_eq!(values("rate(a{k=\"y\"}[1m])"), [1.0]);
    assert_eq!(values("sum(a) > 1 and sum(b) < 3"), [68.0]);
    assert_eq!(values("sum(a) > 1 and sum(b) < 2"), [0.0; 0]);
}
