//! Writes a ZIP archive, entry by entry, without holding any of them.

use std::{
    fs::File,
    io::{self, BufRead, BufWriter, Seek, SeekFrom, Write},
};

use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

use crate::inputs::Entry;

/// How hard to press, from 0 (not at all) to 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompressionLevel(pub(crate) u8);

/// From this size on an entry has the fields of zip64. Packing can make what is nearly 4 GiB large
/// a little larger, so it is well below.
const LARGE: u64 = 4_000_000_000;

pub(crate) struct Archive {
    zip: ZipWriter<Quiet<BufWriter<File>>>,
    level: CompressionLevel,
}

impl Archive {
    pub(crate) fn new(file: File, level: CompressionLevel) -> Self {
        let writer = BufWriter::with_capacity(1 << 20, file);
        Self { zip: ZipWriter::new(Quiet::new(writer)), level }
    }

    pub(crate) fn folder(&mut self, entry: &Entry) -> io::Result<()> {
        let options = options(entry).compression_method(CompressionMethod::Stored);
        self.zip.add_directory(entry.name.as_str(), options).map_err(plain)
    }

    /// Adds a file of this size. `on_piece` hears how many bytes of it were packed since it heard
    /// last, and may end the work with an error.
    pub(crate) fn file(
        &mut self,
        entry: &Entry,
        size: u64,
        mut content: impl BufRead,
        mut on_piece: impl FnMut(u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let options = self.level.apply(options(entry)).large_file(size >= LARGE);
        self.zip.start_file(entry.name.as_str(), options).map_err(plain)?;
        loop {
            let piece = content.fill_buf()?;
            if piece.is_empty() {
                return Ok(());
            }
            self.zip.write_all(piece)?;
            let size = piece.len();
            content.consume(size);
            on_piece(size as u64)?;
        }
    }

    /// Writes the table of contents. Without it there is no archive.
    pub(crate) fn finish(self) -> io::Result<()> {
        let writer = self.zip.finish().map_err(plain)?.writer;
        writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(())
    }
}

/// After its first error it only keeps count of where it would be: an archive that is given up
/// tries to finish itself, and would print that it cannot.
struct Quiet<W> {
    writer: W,
    failed: bool,
    at: u64,
    end: u64,
}

impl<W> Quiet<W> {
    fn new(writer: W) -> Self {
        Self { writer, failed: false, at: 0, end: 0 }
    }

    fn move_to(&mut self, at: u64) {
        self.at = at;
        self.end = self.end.max(at);
    }

    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.failed |= result.is_err();
        result
    }
}

impl<W: Write> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = if self.failed { Ok(bytes.len()) } else { self.writer.write(bytes) };
        let written = self.noted(written)?;
        self.move_to(self.at + written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = if self.failed { Ok(()) } else { self.writer.flush() };
        self.noted(flushed)
    }
}

impl<W: Seek> Seek for Quiet<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        let reached = if self.failed {
            wanted.ok_or_else(|| io::ErrorKind::InvalidInput.into())
        } else {
            self.writer.seek(to)
        };
        let reached = self.noted(reached)?;
        self.move_to(reached);
        Ok(reached)
    }
}

impl CompressionLevel {
    fn apply(self, options: SimpleFileOptions) -> SimpleFileOptions {
        match self.0 {
            0 => options.compression_method(CompressionMethod::Stored),
            level => options
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(level.into())),
        }
    }
}

fn options(entry: &Entry) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .unix_permissions(entry.mode)
        .last_modified_time(date(entry.modified).unwrap_or_default())
}

/// What the machine said, without that it was about an archive.
fn plain(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => other.into(),
    }
}

/// Seconds since 1970 as a date of an archive, which knows the years 1980 to 2107 and no time
/// zones: it is in UTC, so that the same files make the same archive everywhere.
fn date(seconds: u64) -> Option<DateTime> {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days, for days
    // after 1970: a year begins in March, so that the leap day is its last.
    let days = days.checked_add(719_468)?;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);

    let year = u16::try_from(year).ok()?;
    let small = |number: u64| u8::try_from(number).expect("it is below 60");
    let (hour, minute) = (small(second / 3_600), small(second / 60 % 60));
    DateTime::from_date_and_time(year, small(month), small(day), hour, minute, small(second % 60))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader needs to know, from the header of an entry that claims this size.
    fn version_needed(size: u64) -> u16 {
        let file = tempfile::NamedTempFile::new().expect("there is room");
        let mut archive = Archive::new(file.reopen().expect("it is there"), CompressionLevel(0));
        let entry = Entry { name: "a".into(), content: None, mode: 0o644, modified: 0 };
        archive.file(&entry, size, &b"content"[..], |_| Ok(())).expect("there is room");
        archive.finish().expect("there is room");
        let archive = std::fs::read(file.path()).expect("it is there");
        u16::from_le_bytes([archive[4], archive[5]])
    }

    #[test]
    fn large_files_are_announced_before_they_are_packed() {
        const ZIP64: u16 = 45;
        assert!(version_needed(LARGE - 1) < ZIP64);
        assert_eq!(version_needed(LARGE), ZIP64);
        const { assert!(LARGE < u32::MAX as u64) };
    }

    #[test]
    fn dates_are_in_utc() {
        let parts = |seconds| {
            let date = date(seconds)?;
            let day = (date.year(), date.month(), date.day());
            Some((day, (date.hour(), date.minute(), date.second())))
        };
        assert_eq!(parts(951_827_696), Some(((2000, 2, 29), (12, 34, 56))));
        assert_eq!(parts(1_709_251_198), Some(((2024, 2, 29), (23, 59, 58))));
        assert_eq!(parts(1_709_251_200), Some(((2024, 3, 1), (0, 0, 0))));
        assert_eq!(parts(315_532_800), Some(((1980, 1, 1), (0, 0, 0))));
        assert_eq!(parts(0), None, "archives begin in 1980");
        assert_eq!(parts(u64::MAX), None);
    }
}
