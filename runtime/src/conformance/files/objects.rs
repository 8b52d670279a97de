//! Rules of names, downloads, deletes, lists and errors.

use std::io;

use bytes::Bytes;
use futures_util::{StreamExt, future::try_join_all, stream};

use super::{
    BUCKET, Store, Verdict, ensure, ensure_eq, is_missing, keys, list, put, read, read_all,
};
use crate::files::{FileError, Object, key_segment};

pub(super) async fn invalid_names(store: Store) -> Verdict {
    let long_bucket = "b".repeat(64);
    let buckets =
        ["", "ab", "-ab", "ab-", "Upper", "under_score", "a.b", "a/b", "..", "größe", &long_bucket];
    for bucket in buckets {
        refused(&store, bucket, "key").await?;
    }
    let (long_segment, long_key) = ("k".repeat(241), "k/".repeat(512) + "k");
    let keys = [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "./a",
        "größe",
        "a b",
        "a#1",
        "a\\b",
        "a\0",
        "a\nb",
        "a?b",
        "a*b",
        &long_segment,
        &long_key,
    ];
    for key in keys {
        refused(&store, BUCKET, key).await?;
    }
    ensure_eq(list(&store, BUCKET, "").await?, vec![])
}

pub(super) async fn checks(store: Store) -> Verdict {
    store.check(BUCKET).await?;
    put(&store, "a", "x").await?;
    store.check(BUCKET).await?;
    ensure_eq(keys(&store, "").await?, vec!["a".to_owned()])?;
    match store.check("No Bucket").await {
        Err(FileError::InvalidName { .. }) => Ok(()),
        other => Err(format!("a name that is none was answered with {other:?}").into()),
    }
}

async fn refused(store: &Store, bucket: &str, key: &str) -> Verdict {
    let content = stream::iter([Ok(Bytes::from("x"))]);
    let answers = [
        store.upload(bucket, key, content.boxed()).await.map(drop),
        store.download(bucket, key).await.map(drop),
        store.delete(bucket, key).await,
        // The empty prefix is the whole bucket.
        match store.list(bucket, if key.is_empty() { "/" } else { key }).next().await {
            Some(answer) => answer.map(drop),
            None => Ok(()),
        },
    ];
    answers.into_iter().try_for_each(|answer| match answer {
        Err(FileError::InvalidName { .. }) => Ok(()),
        other => Err(format!("`{bucket}` and `{key}` were answered with {other:?}").into()),
    })
}

pub(super) async fn valid_names(store: Store) -> Verdict {
    let (long_segment, long_bucket) = ("k".repeat(240), "b".repeat(63));
    let long_key = [&*"k".repeat(200); 5].join("/");
    let hostile = key_segment("../größe #1?*\\\n");
    let segments = [
        "a",
        "A",
        "0",
        "-",
        "_",
        "...",
        ".hidden",
        "a.b",
        "%",
        "%2F",
        "%25",
        "100%",
        "CON",
        "a..b",
        &long_segment,
        &hostile,
    ];
    for key in segments.into_iter().chain(["deep/er/and/deep/er", "%2E%2E/%2E", &long_key]) {
        put(&store, key, key).await?;
        ensure_eq(&*read(&store, key).await?, key)?;
        ensure_eq(keys(&store, "").await?, vec![key.to_owned()])?;
        store.delete(BUCKET, key).await?;
    }
    for bucket in ["abc", "0-0", &long_bucket] {
        store.upload(bucket, "key", stream::iter([Ok(Bytes::from("x"))]).boxed()).await?;
        ensure_eq(list(&store, bucket, "").await?.len(), 1)?;
    }
    Ok(())
}

pub(super) async fn buckets_are_apart(store: Store) -> Verdict {
    put(&store, "a", "here").await?;
    let there = stream::iter([Ok(Bytes::from("there"))]);
    store.upload("processed-files", "a", there.boxed()).await?;
    ensure_eq(&*read(&store, "a").await?, "here")?;
    ensure_eq(&*read_all(store.download("processed-files", "a").await?).await?, "there")?;
    store.delete(BUCKET, "a").await?;
    ensure_eq(list(&store, BUCKET, "").await?, vec![])?;
    ensure_eq(list(&store, "processed-files", "").await?.len(), 1)
}

pub(super) async fn pieces_are_small(store: Store) -> Verdict {
    let content = stream::iter([Ok(Bytes::from(vec![7; 20 << 20]))]);
    store.upload(BUCKET, "large", content.boxed()).await?;
    let mut content = store.download(BUCKET, "large").await?;
    while let Some(piece) = content.next().await {
        let size = piece?.len();
        ensure(size <= 8 << 20, || format!("a piece has {size} bytes"))?;
    }
    Ok(())
}

pub(super) async fn missing(store: Store) -> Verdict {
    let nowhere = store.download(BUCKET, "nothing").await.map(drop).map_err(|error| error.kind());
    ensure_eq(nowhere, Err(io::ErrorKind::NotFound))?;
    put(&store, "a/b", "x").await?;
    is_missing(&store, "nothing").await?;
    is_missing(&store, "a").await?;
    is_missing(&store, "a/c").await?;
    is_missing(&store, "a/b/c").await
}

pub(super) async fn one_version(store: Store) -> Verdict {
    let old = "old!".repeat(3 << 18);
    for replace in [true, false] {
        put(&store, "a", &old).await?;
        let mut content = store.download(BUCKET, "a").await?;
        let first = content.next().await.ok_or("it is empty")??;
        if replace {
            put(&store, "a", "new").await?;
        } else {
            store.delete(BUCKET, "a").await?;
        }
        // An error is allowed, a mixture is not.
        if let Ok(rest) = read_all(content).await {
            ensure(String::from_utf8(first.to_vec())? + &rest == old, || "it was mixed".into())?;
        }
    }
    Ok(())
}

pub(super) async fn many_downloads(store: Store) -> Verdict {
    let text = "text".repeat(1 << 19);
    put(&store, "a", &text).await?;
    let half_way = store.download(BUCKET, "a").await?.next().await;
    ensure(half_way.is_some_and(|piece| piece.is_ok()), || "nothing came".into())?;
    let all = try_join_all((0..16).map(|_| read(&store, "a"))).await?;
    ensure(all.iter().all(|content| *content == text), || "one of 16 differs".into())
}

pub(super) async fn deletes(store: Store) -> Verdict {
    for key in ["a/b/c", "a/b/d", "a/e"] {
        put(&store, key, key).await?;
    }
    store.delete(BUCKET, "a/b/c").await?;
    is_missing(&store, "a/b/c").await?;
    ensure_eq(keys(&store, "").await?, vec!["a/b/d".to_owned(), "a/e".to_owned()])
}

pub(super) async fn deletes_twice(store: Store) -> Verdict {
    store.delete(BUCKET, "never/there").await?;
    put(&store, "a/b", "x").await?;
    store.delete(BUCKET, "a").await?;
    store.delete(BUCKET, "a/b/c").await?;
    ensure_eq(&*read(&store, "a/b").await?, "x")?;
    store.delete(BUCKET, "a/b").await?;
    store.delete(BUCKET, "a/b").await?;
    Ok(())
}

pub(super) async fn lists(store: Store) -> Verdict {
    // More than a page of any store.
    let mut wanted: Vec<_> = (0..1_200_u64)
        .map(|n| Object { key: format!("many/{:02}/{n}", n % 7), size: n % 5 })
        .collect();
    for Object { key, size } in &wanted {
        put(&store, key, &"x".repeat(*size as usize)).await?;
    }
    put(&store, "few/1", "x").await?;
    wanted.sort();
    ensure_eq(list(&store, BUCKET, "many").await?, wanted)
}

pub(super) async fn whole_segments(store: Store) -> Verdict {
    for key in ["a/b/c", "a/b/c2/d", "a/bc", "ab/c", "x"] {
        put(&store, key, "x").await?;
    }
    for (prefix, wanted) in [
        ("a/b", &["a/b/c", "a/b/c2/d"][..]),
        ("a", &["a/b/c", "a/b/c2/d", "a/bc"]),
        ("a/b/c", &[]),
        ("x", &[]),
        ("", &["a/b/c", "a/b/c2/d", "a/bc", "ab/c", "x"]),
    ] {
        ensure_eq(keys(&store, prefix).await?, wanted.iter().map(|key| key.to_string()).collect())?;
    }
    Ok(())
}

pub(super) async fn empty_lists(store: Store) -> Verdict {
    ensure_eq(list(&store, BUCKET, "").await?, vec![])?;
    put(&store, "a/b", "x").await?;
    ensure_eq(list(&store, BUCKET, "c").await?, vec![])?;
    ensure_eq(list(&store, "processed-files", "a").await?, vec![])
}

pub(super) async fn errors_name_the_object(store: Store) -> Verdict {
    let missing = store.download(BUCKET, "no/such").await.map(drop);
    let broken = stream::iter([Err(io::Error::other("cable cut"))]);
    let content = store.upload(BUCKET, "no/such", broken.boxed()).await.map(drop);
    for answer in [missing, content] {
        let text = answer.err().ok_or("it did not fail")?.to_string();
        ensure(text.contains("`no/such`") && text.contains("`incoming-files`"), || text.clone())?;
    }
    Ok(())
}
