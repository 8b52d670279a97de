//! Files that cannot be opened, each with what is wrong and what to do.

use std::{fs, path::Path};

use distributed_task::{
    BuildError,
    backend::sqlite::{SqliteJournal, SqliteOpenError},
};

use crate::orders::{Order, Outside, Process};

fn refused(path: &Path) -> SqliteOpenError {
    let before = fs::read(path).ok();
    let error = SqliteJournal::open(path).err().expect("it cannot be opened");
    assert!(fs::read(path).ok() == before, "it was changed");
    assert!(error.to_string().starts_with(&format!("{}: ", path.display())), "{error}");
    error
}

#[test]
fn a_journal_that_is_open_is_not_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let open = SqliteJournal::open(&path).expect("it is new");
    let error = refused(&path);
    assert!(matches!(error, SqliteOpenError::InUse { .. }), "{error}");
    drop(open);
    SqliteJournal::open(&path).expect("it is free again");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = refused(&folder.path().join("nowhere/journal.db"));
    assert!(matches!(error, SqliteOpenError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("No such file or directory"), "{error}");
}

#[test]
fn a_file_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("notes.txt");
    fs::write(&text, "This is a text of some length, and no database at all.".repeat(40))
        .expect("it is written");
    let error = refused(&text);
    assert!(
        error.to_string().ends_with("this is not a journal: it is not an SQLite database"),
        "{error}"
    );
    let database = folder.path().join("photos.db");
    rusqlite::Connection::open(&database)
        .and_then(|other| other.execute_batch("CREATE TABLE photo (id)"))
        .expect("another program makes it");
    let error = refused(&database);
    assert!(error.to_string().contains("of another program"), "{error}");
}

#[test]
fn a_file_of_a_newer_release_says_which_format_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    drop(SqliteJournal::open(&path).expect("it is new"));
    rusqlite::Connection::open(&path)
        .and_then(|newer| newer.pragma_update(None, "user_version", 7))
        .expect("a newer release writes it");
    let error = refused(&path);
    assert!(matches!(error, SqliteOpenError::Newer { found: 7, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("format 7"), "{error}");
}

#[test]
fn a_half_written_tail_is_as_if_it_had_never_been() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, outside) = (folder.path().join("journal.db"), Outside::default());
    let first = Process::start(&path, &outside);
    let sagas = ["h", "r", "p", ""].map(|request| first.order(request));
    // As the disk is when the power fails: the journal is still open, the log not yet folded in.
    let log = |path: &Path| path.with_extension("db-wal");
    let whole = fs::read(log(&path)).expect("there is a log");
    let copy = folder.path().join("copy.db");
    for cut in [1, 100, 5_000, whole.len() / 2, whole.len() - 10] {
        fs::copy(&path, &copy).expect("it is copied");
        fs::write(log(&copy), &whole[..whole.len() - cut]).expect("it is copied");
        let next = Process::start(&copy, &Outside::default());
        // Those that were written are there, from the oldest on, and all of them can be read.
        let there: Vec<bool> = next.runtime.block_on(async {
            let mut there = Vec::new();
            for saga in sagas {
                there.push(next.orders.handle(saga).await.is_ok());
            }
            there
        });
        assert!(there.is_sorted_by(|earlier, later| earlier >= later), "{cut}: {there:?}");
        next.kill();
    }
    first.kill();
}

#[tokio::test]
async fn a_task_says_what_is_wrong_with_the_file_of_its_journal() {
    let order = || Order::builder().outside(Outside::default()).use_in_process_mode();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let task = order().journal_path(&path).build().await.expect("it is new");
    let error = order().journal_path(&path).build().await.expect_err("it is open");
    assert!(error.to_string().contains("journal.db"), "{error}");
    assert!(error.to_string().starts_with("`order`: "), "{error}");
    let journal = distributed_task::backend::memory::MemoryJournal::new();
    let both = order().journal_path(&path).override_journal(journal).build().await;
    assert!(matches!(both, Err(BuildError::TwoJournals { .. })));
    let half = order().journal_path(folder.path().join("half.db")).build_api().await;
    let error = half.expect_err("no worker could open the file");
    assert!(matches!(error, BuildError::NotShared { .. }), "{error}");
    assert!(error.to_string().contains("`.journal_path(..)`"), "{error}");
    let many = Order::builder().outside(Outside::default()).use_distributed_mode(|with| with);
    let many = many.journal_path(folder.path().join("many.db")).build().await;
    let error = many.expect_err("one process has the file");
    assert!(matches!(error, BuildError::PathNotShared { .. }), "{error}");
    for line in ["delete `.journal_path(..)`", "`.use_in_process_mode()`"] {
        assert!(error.to_string().contains(line), "{error}");
    }
    drop(task);
}
