//! Reading a file whole, and writing one whole or not at all.

use cotangent_jit::{Error, err};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// An error of the operating system, as ours.
pub(super) fn failed(op: &str, path: &Path, e: io::Error) -> Error {
    err!(File, "{op}: {}: {e}", path.display())
}

pub(super) fn read(op: &str, path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|e| failed(op, path, e))
}

/// Removes the temporary file unless it has got its name.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Writes into a temporary file in the same folder, syncs it, renames it over `path`, and syncs the
/// folder: after a crash there is the old file or the new one. What `path` links to is replaced,
/// not the link.
pub(crate) fn write(
    op: &str,
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let fail = |e| failed(op, path, e);
    let Some(name) = target.file_name() else {
        return Err(err!(File, "{op}: {} is no name of a file", path.display()));
    };
    let folder = match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let hidden = format!(".{}.{}.{number}.tmp", name.to_string_lossy(), std::process::id());
    let mut temporary = Temporary { path: folder.join(hidden), kept: false };
    let file = OpenOptions::new().write(true).create_new(true).open(&temporary.path);
    let mut writer = BufWriter::with_capacity(1 << 16, file.map_err(fail)?);
    content(&mut writer).map_err(fail)?;
    let file = writer.into_inner().map_err(|e| fail(e.into_error()))?;
    if let Ok(old) = fs::metadata(&target) {
        file.set_permissions(old.permissions()).map_err(fail)?;
    }
    file.sync_all().map_err(fail)?;
    drop(file);
    fs::rename(&temporary.path, &target).map_err(fail)?;
    temporary.kept = true;
    // Where folders cannot be opened as files (Windows), renaming is as durable as it gets.
    if cfg!(unix) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(fail)?;
    }
    Ok(())
}
