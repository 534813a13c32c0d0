//! Reading a file of declared state.

use std::path::Path;

use crate::config::{declared::Declared, validate};

/// Reads and checks a file; every problem is said at once.
pub fn read(path: &Path) -> anyhow::Result<Declared> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(path).map_err(|e| anyhow::anyhow!("{} cannot be read: {e}", path.display()))?
    };
    let declared: Declared = toml::from_str(&text).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
    check(&declared)?;
    Ok(declared)
}

/// All problems of declared state as one error.
pub fn check(declared: &Declared) -> anyhow::Result<()> {
    let problems: Vec<String> = validate::check(declared).into_iter().map(|w| w.0).collect();
    anyhow::ensure!(problems.is_empty(), "nothing was changed:\n  {}", problems.join("\n  "));
    Ok(())
}
