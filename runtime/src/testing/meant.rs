//! "Did you mean": the known word that a misspelt one is closest to.

/// `; did you mean ..?`, or nothing.
pub(super) fn meant(word: &str, known: &[&str]) -> String {
    let close = known.iter().map(|known| (distance(word, known), known));
    let closest = close.min_by_key(|(distance, _)| *distance);
    match closest {
        Some((distance, known)) if distance <= 1 + word.chars().count() / 4 => {
            format!("; did you mean `{known}`?")
        }
        _ => String::new(),
    }
}

/// The number of letters to add, drop, replace or swap with the next one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_close_is_offered_and_nothing_else() {
        let steps = ["reserve", "charge", "ship"];
        assert_eq!(meant("charg", &steps), "; did you mean `charge`?");
        assert_eq!(meant("chrage", &steps), "; did you mean `charge`?");
        assert_eq!(meant("hsip", &steps), "; did you mean `ship`?");
        assert_eq!(meant("refund", &steps), "");
    }
}
