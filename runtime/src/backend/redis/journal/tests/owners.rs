//! How owners are kept.

use super::{
    Mistake, Place, check,
    desk::{Wrong, ensure},
};

const LONG: &str = "'', string.rep('-', 65)";
const LOOK: &str = "call('OBJECT', 'ENCODING', P .. 'o') == 'hashtable'";
const GONE: &str = "    call('HDEL', P .. 'o', '')\n";

#[tokio::test(flavor = "multi_thread")]
async fn owners_are_looked_up_and_not_searched_for() {
    let mistake = |script, instead_of, says| Mistake { script, instead_of, says };
    check(claimed, [mistake("claim", LONG, "'', '-'"), mistake("claim", GONE, "")]).await;
    let wrong = [
        mistake("append", LONG, "'', '-'"),
        mistake("append", GONE, ""),
        mistake("append", LOOK, "call('EXISTS', P .. 'o') == 1"),
    ];
    check(begun, wrong).await;
}

async fn claimed(place: Place) -> Result<(), Wrong> {
    let process = place.process().await;
    for _ in 0..2 {
        let (one, other) = (process.owned().await?, process.owned().await?);
        is_a_table(&place, 2)?;
        process.end(&one, 2).await?;
        process.end(&other, 2).await?;
    }
    Ok(())
}

/// A server that starts again makes a list of them.
async fn begun(mut place: Place) -> Result<(), Wrong> {
    let process = place.process().await;
    process.begin().await?;
    is_a_table(&place, 1)?;
    place.save();
    place.lose_what_came_since();
    process.begin().await?;
    is_a_table(&place, 2)
}

fn is_a_table(place: &Place, of: usize) -> Result<(), Wrong> {
    const OWNERS: &str = "{distributed-task:0}:o";
    let kept = place.server.cli(&["OBJECT", "ENCODING", OWNERS]);
    ensure(kept == "hashtable", format!("a search in a {kept}"))?;
    let many = place.server.cli(&["HLEN", OWNERS]);
    ensure(many == of.to_string(), format!("{many} owners, and not {of}"))
}
