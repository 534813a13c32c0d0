//! Where a demonstration keeps its data: a directory that goes away with it, or one to keep.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::store::seal::random_text;

/// A data directory; a temporary one is removed when this is dropped.
pub struct Home {
    dir: PathBuf,
    temporary: bool,
}

impl Home {
    /// The given directory, which must hold nothing yet (the pretend sides always start from nothing), or a temporary one.
    pub fn open(kept: Option<PathBuf>) -> anyhow::Result<Self> {
        let (dir, temporary) = match kept {
            Some(dir) => (dir, false),
            None => (std::env::temp_dir().join(format!("carnet-demo-{}", random_text(6)?)), true),
        };
        let cannot = || format!("the data directory {} cannot be used", dir.display());
        // Nobody else on this machine shall read the key in it.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).with_context(cannot)?;
        let empty = fs::read_dir(&dir).with_context(cannot)?.next().is_none();
        anyhow::ensure!(empty, "{} is not empty; the demo starts from nothing, so name a new directory", dir.display());
        Ok(Self { dir, temporary })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            tracing::warn!(%error, dir = %self.dir.display(), "the temporary directory could not be removed");
        }
    }
}
