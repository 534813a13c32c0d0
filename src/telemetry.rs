//! Logs and metrics of the process. Logs carry codes, counts and stable ids; never names, addresses, numbers, bodies or secrets.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
    time::Duration,
};

use indicatif::MultiProgress;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// After so long a figure that nobody sets any more is left out.
const GAUGES_LAST: Duration = Duration::from_secs(15 * 60);

/// Starts logging to standard error; a second call changes nothing.
pub fn start_logs(filter: &str, format: LogFormat) {
    // An unreadable filter must not silence the service.
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(|| AsideBars);
    match format {
        LogFormat::Text => logs.try_init().ok(),
        LogFormat::Json => logs.json().try_init().ok(),
    };
}

/// The progress bars of this terminal: log lines step aside for what is registered here.
pub fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(MultiProgress::new)
}

/// Standard error, with the bars taken away while a line is written.
struct AsideBars;

impl io::Write for AsideBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        bars().suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The metrics of the process, rendered for Prometheus.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        // What is not looked at any more, such as a sync that was taken out, has no figure: gauges are set when somebody asks,
        // and by the watch for problems.
        let recorder = PrometheusBuilder::new().idle_timeout(MetricKindMask::GAUGE, Some(GAUGES_LAST)).build_recorder();
        let handle = recorder.handle();
        // Another recorder (of a test) may be there already; ours then renders nothing.
        metrics::set_global_recorder(recorder).ok();
        handle
    })
}
