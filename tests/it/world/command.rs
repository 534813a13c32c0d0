//! The real program, beside the running service or alone.

use serde_json::Value;
use tokio::process::Command;

use super::World;

/// How a command of the program ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl World {
    /// The program with the settings of this world, not run yet.
    pub fn program(&self, listen: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
        // Only the world's settings count, not those of the shell that runs the tests.
        std::env::vars().filter(|(key, _)| key.starts_with("CARNET_")).for_each(|(key, _)| {
            command.env_remove(key);
        });
        command.envs(self.settings(listen)).kill_on_drop(true);
        command
    }

    /// Runs a command of the program to its end.
    pub async fn carnet(&self, args: &[&str]) -> Said {
        let output = self.program("127.0.0.1:0").args(args).output().await.expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// `carnet apply` of this declared state.
    pub async fn apply(&self, declared: &str) -> Said {
        let file = self.dir.path().join("declared.toml");
        std::fs::write(&file, declared).expect("a file");
        self.carnet(&["apply", file.to_str().expect("a path")]).await
    }
}

impl Said {
    /// What a command that succeeded printed.
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.out
    }

    /// The same of a command with `--json`.
    pub fn json(self) -> Value {
        serde_json::from_str(&self.done()).expect("JSON")
    }

    /// What a command that was refused said; `refused` stands in it.
    pub fn refused(self, refused: &str) {
        assert_eq!(self.code, Some(1), "{self:#?}");
        assert!(self.err.contains(refused), "{refused} is not in {}", self.err);
    }
}
