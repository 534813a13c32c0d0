//! What an operator sets: [`Settings`] of the process (environment or a TOML file) and [`declared`] state (`carnet apply`).

pub mod declared;
pub mod filter;
pub mod mapping;
pub mod secret;
mod settings;
pub mod template;
mod tune;
pub mod validate;

pub use settings::{LogFormat, SettingError, Settings};
pub use tune::{TUNE_TABLE, Tune};
