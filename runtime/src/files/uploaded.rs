//! What the journal keeps of an upload: where the files are.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// A file in the store. The output of an upload step; it can be journaled and sent anywhere.
///
/// ```
/// use distributed_task::files::UploadedFile;
///
/// let file = UploadedFile {
///     bucket: "processed-files".into(),
///     key: "create-zip/0192/upload_zip/0/0-archive.zip".into(),
///     name: "archive.zip".into(),
///     size: 4096,
/// };
/// assert_eq!(serde_json::to_value(&file)?["size"], 4096);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UploadedFile {
    /// The bucket that holds it.
    pub bucket: String,
    /// Its key in that bucket.
    pub key: String,
    /// The name of its source.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The files of one upload step, in the order of their sources.
///
/// ```
/// use distributed_task::files::UploadedFiles;
///
/// let none = UploadedFiles::default();
/// assert_eq!((none.len(), none.total_size()), (0, 0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadedFiles(Vec<UploadedFile>);

impl UploadedFiles {
    /// The bytes of all files together.
    pub fn total_size(&self) -> u64 {
        self.0.iter().map(|file| file.size).sum()
    }

    /// The only file.
    ///
    /// # Panics
    /// Unless there is exactly one.
    pub fn into_single(self) -> UploadedFile {
        let [file] = <[_; 1]>::try_from(self.0)
            .unwrap_or_else(|files| panic!("one file was expected, not {}", files.len()));
        file
    }
}

impl From<Vec<UploadedFile>> for UploadedFiles {
    fn from(files: Vec<UploadedFile>) -> Self {
        Self(files)
    }
}

impl FromIterator<UploadedFile> for UploadedFiles {
    fn from_iter<I: IntoIterator<Item = UploadedFile>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}

impl Deref for UploadedFiles {
    type Target = [UploadedFile];

    fn deref(&self) -> &[UploadedFile] {
        &self.0
    }
}

impl IntoIterator for UploadedFiles {
    type Item = UploadedFile;
    type IntoIter = std::vec::IntoIter<UploadedFile>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a UploadedFiles {
    type Item = &'a UploadedFile;
    type IntoIter = std::slice::Iter<'a, UploadedFile>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "one file was expected, not 0")]
    fn none_is_not_single() {
        UploadedFiles::default().into_single();
    }

    #[test]
    fn the_journal_sees_a_plain_list() {
        let json = serde_json::to_string(&UploadedFiles::default()).expect("strings and numbers");
        assert_eq!(json, "[]");
    }
}
