//! The `carnet` program: everything is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    carnet::cli::run().await
}
