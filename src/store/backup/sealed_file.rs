//! The file of a backup: a line that says what it is, then sealed pieces. Each is compressed, numbered and sealed under a key of this
//! file alone, and the last says that it is the last: a piece that was changed, moved or cut off is noticed.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use serde::{Deserialize, Serialize};

use super::super::seal::{SealError, Sealer, random, random_text};

const MAGIC: &str = "carnet-backup";
const VERSION: u32 = 1;
/// Bytes of a piece before it is compressed, more or less.
pub(super) const PIECE: usize = 1 << 20;
/// No piece is larger than that.
const MOST: usize = 1 << 30;

/// What the first line says; sealed into every piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Id of the secret key that opens it.
    pub key: String,
    /// Random, hex: the file's own key is derived from it.
    salt: String,
    /// The installation.
    pub installation: String,
    /// When it was made (RFC 3339).
    pub made: String,
}

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The disk says no.
    #[error("the backup {0} cannot be used: {1}")]
    Disk(PathBuf, String),
    /// There is something already.
    #[error("{0} is there already; name a new file")]
    Exists(PathBuf),
    /// Not a backup.
    #[error("{0} is no backup of Carnet")]
    Foreign(PathBuf),
    /// Of a later Carnet.
    #[error(
        "the backup {0} was made by a newer Carnet (format {1}, this one reads up to {VERSION}); restore it with that one"
    )]
    Newer(PathBuf, u32),
    /// Sealed with another key.
    #[error(
        "the backup {0} was sealed with the secret key {1}, which is not here; give it as CARNET_SECRET_KEY, or beside a newer one as \
         CARNET_SECRET_KEY_PREVIOUS"
    )]
    OtherKey(PathBuf, String),
    /// Cut off.
    #[error("the backup {0} is not whole: its end is missing; nothing was restored, take another copy of it")]
    Cut(PathBuf),
    /// Changed.
    #[error("the backup {0} is damaged; nothing was restored, take another copy of it")]
    Damaged(PathBuf),
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Writes one: beside its place, and into it once it is whole.
pub struct Writer {
    path: PathBuf,
    new: PathBuf,
    file: File,
    key: LessSafeKey,
    head: Vec<u8>,
    piece: Vec<u8>,
    count: u64,
}

impl Writer {
    /// A new file, sealed with the key that seals now.
    pub fn create(path: &Path, sealer: &Sealer, installation: &str, made: String) -> Result<Self, FileError> {
        if path.exists() {
            return Err(FileError::Exists(path.to_owned()));
        }
        let mut salt = [0; 32];
        random(&mut salt)?;
        let id = sealer.seals_with();
        let header = Header { key: id.clone(), salt: hex::encode(salt), installation: installation.into(), made };
        let disk = |e: &dyn std::fmt::Display| FileError::Disk(path.to_owned(), e.to_string());
        let head = format!("{MAGIC} {VERSION} {}\n", serde_json::to_string(&header).map_err(|e| disk(&e))?);
        let mut new = path.as_os_str().to_owned();
        new.push(format!(".new-{}", random_text(4)?));
        let new = PathBuf::from(new);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new).map_err(|e| disk(&e))?;
        file.write_all(head.as_bytes()).map_err(|e| disk(&e))?;
        let key = sealer.file_key(&id, &salt)?;
        Ok(Self { path: path.to_owned(), new, file, key, head: head.into_bytes(), piece: Vec::new(), count: 0 })
    }

    /// Adds a record.
    pub fn add(&mut self, record: &[Vec<u8>]) -> Result<(), FileError> {
        let mut put = |bytes: &[u8]| self.piece.extend_from_slice(bytes);
        put(&length(record.len()));
        for part in record {
            put(&length(part.len()));
            put(part);
        }
        if self.piece.len() >= PIECE { self.flush(false) } else { Ok(()) }
    }

    /// The end: to the disk, and into its place. Answers how large it is.
    pub fn finish(mut self) -> Result<u64, FileError> {
        self.flush(true)?;
        let end = || {
            self.file.sync_all()?;
            std::fs::rename(&self.new, &self.path)?;
            let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(dir)?.sync_all()?;
            Ok::<_, std::io::Error>(self.file.metadata()?.len())
        };
        end().map_err(|e| FileError::Disk(self.path.clone(), e.to_string()))
    }

    fn flush(&mut self, last: bool) -> Result<(), FileError> {
        let disk = |e: std::io::Error| FileError::Disk(self.path.clone(), e.to_string());
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&self.piece).map_err(disk)?;
        let mut sealed = packed.finish().map_err(disk)?;
        self.key
            .seal_in_place_append_tag(nonce(self.count, last), Aad::from(&self.head), &mut sealed)
            .map_err(|_| SealError::WrongKey)?;
        self.file.write_all(&length(sealed.len())).and_then(|()| self.file.write_all(&sealed)).map_err(disk)?;
        self.piece.clear();
        self.count += 1;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whatever did not come to its end is of no use. After the end it has another name.
        let _ = std::fs::remove_file(&self.new);
    }
}

/// Reads one, piece by piece.
pub struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    /// What its first line says.
    pub header: Header,
    head: Vec<u8>,
    key: LessSafeKey,
    count: u64,
    ended: bool,
}

impl Reader {
    /// Opens it with the key that it names.
    pub fn open(path: &Path, sealer: &Sealer) -> Result<Self, FileError> {
        let disk = |e: std::io::Error| FileError::Disk(path.to_owned(), e.to_string());
        let mut file = BufReader::new(File::open(path).map_err(disk)?);
        let mut head = Vec::new();
        file.by_ref().take(64 * 1024).read_until(b'\n', &mut head).map_err(disk)?;
        let foreign = || FileError::Foreign(path.to_owned());
        let line = std::str::from_utf8(&head).map_err(|_| foreign())?;
        let rest = line.strip_prefix(MAGIC).ok_or_else(foreign)?.trim();
        let (version, json) = rest.split_once(' ').ok_or_else(foreign)?;
        let version: u32 = version.parse().map_err(|_| foreign())?;
        if version > VERSION {
            return Err(FileError::Newer(path.to_owned(), version));
        }
        let header: Header = serde_json::from_str(json).map_err(|_| FileError::Damaged(path.to_owned()))?;
        let salt = hex::decode(&header.salt).map_err(|_| FileError::Damaged(path.to_owned()))?;
        let key = sealer
            .file_key(&header.key, &salt)
            .map_err(|_| FileError::OtherKey(path.to_owned(), header.key.clone()))?;
        Ok(Self { path: path.to_owned(), file, header, head, key, count: 0, ended: false })
    }

    /// The records of the next piece; `None` at the end.
    pub fn next_piece(&mut self) -> Result<Option<Vec<Vec<Vec<u8>>>>, FileError> {
        let path = self.path.clone();
        let damaged = || FileError::Damaged(path.clone());
        let mut size = [0; 4];
        if self.ended {
            // Nothing may follow the last piece.
            return if self.file.read(&mut size).is_ok_and(|read| read == 0) { Ok(None) } else { Err(damaged()) };
        }
        let cut = |_| FileError::Cut(path.clone());
        self.file.read_exact(&mut size).map_err(cut)?;
        let size = u32::from_be_bytes(size) as usize;
        if size > MOST {
            return Err(damaged());
        }
        let mut sealed = Vec::new();
        self.file.by_ref().take(size as u64).read_to_end(&mut sealed).map_err(cut)?;
        if sealed.len() < size {
            return Err(FileError::Cut(path.clone()));
        }
        let packed = self.unseal(sealed).ok_or_else(damaged)?;
        let mut piece = Vec::new();
        DeflateDecoder::new(packed.as_slice()).take(MOST as u64).read_to_end(&mut piece).map_err(|_| damaged())?;
        self.count += 1;
        records(&piece).map(Some).ok_or_else(damaged)
    }

    fn unseal(&mut self, sealed: Vec<u8>) -> Option<Vec<u8>> {
        for last in [false, true] {
            let mut bytes = sealed.clone();
            if let Ok(open) = self.key.open_in_place(nonce(self.count, last), Aad::from(&self.head), &mut bytes) {
                self.ended = last;
                return Some(open.to_vec());
            }
        }
        None
    }
}

fn nonce(count: u64, last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&count.to_be_bytes());
    bytes[8] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn records(mut piece: &[u8]) -> Option<Vec<Vec<Vec<u8>>>> {
    let mut records = Vec::new();
    while !piece.is_empty() {
        let parts = take_length(&mut piece)?;
        let mut record = Vec::with_capacity(parts.min(1024));
        for _ in 0..parts {
            let size = take_length(&mut piece)?;
            let (part, rest) = piece.split_at_checked(size)?;
            record.push(part.to_vec());
            piece = rest;
        }
        records.push(record);
    }
    Some(records)
}

fn take_length(piece: &mut &[u8]) -> Option<usize> {
    let (size, rest) = piece.split_at_checked(4)?;
    *piece = rest;
    Some(u32::from_be_bytes(size.try_into().ok()?) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(key: &str) -> Sealer {
        Sealer::new(&key.to_owned().into()).unwrap()
    }

    fn written(dir: &Path) -> PathBuf {
        let path = dir.join("backup");
        let mut writer = Writer::create(&path, &sealer("one"), "id", "now".into()).unwrap();
        for number in 0..3u32 {
            writer.add(&[b"SET".to_vec(), number.to_be_bytes().to_vec(), vec![7; PIECE]]).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    fn read(path: &Path) -> Result<usize, FileError> {
        let mut reader = Reader::open(path, &sealer("one"))?;
        let mut count = 0;
        while let Some(piece) = reader.next_piece()? {
            count += piece.len();
        }
        Ok(count)
    }

    #[test]
    fn what_was_written_reads_back_and_no_file_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path());
        assert_eq!(read(&path).unwrap(), 3);
        assert!(std::fs::metadata(&path).unwrap().len() < PIECE as u64, "it is compressed");
        assert!(matches!(Writer::create(&path, &sealer("one"), "id", "now".into()), Err(FileError::Exists(_))));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing lies about");
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path());
        let whole = std::fs::read(&path).unwrap();
        let copy = dir.path().join("copy");
        let header = whole.iter().position(|byte| *byte == b'\n').unwrap();
        for at in (0..whole.len()).step_by(37).chain(header - 20..header + 40) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&copy, &changed).unwrap();
            assert!(read(&copy).is_err(), "byte {at}");
            std::fs::write(&copy, &whole[..at]).unwrap();
            assert!(read(&copy).is_err(), "cut at {at}");
        }
        std::fs::write(&copy, [whole.as_slice(), b"more"].concat()).unwrap();
        assert!(matches!(read(&copy), Err(FileError::Damaged(_))));
    }

    #[test]
    fn another_key_and_a_newer_format_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path());
        let refused = Reader::open(&path, &sealer("two")).err().unwrap();
        assert!(matches!(refused, FileError::OtherKey(_, id) if id == sealer("one").seals_with()));
        let text = std::fs::read(&path).unwrap();
        let newer = [b"carnet-backup 2 ", &text[b"carnet-backup 1 ".len()..]].concat();
        std::fs::write(&path, newer).unwrap();
        assert!(matches!(read(&path), Err(FileError::Newer(_, 2))));
    }
}
