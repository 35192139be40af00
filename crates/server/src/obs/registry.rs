//! Every metric there is: its name, kind, labels, unit and meaning. What `/metrics` says in its `HELP` lines and
//! docs/reference/metrics.md are written from here, and nothing is recorded that is not here.

use std::fmt::Write as _;

/// Requests, by route and status.
pub(super) const REQUESTS: &str = "ostler_http_requests_total";
/// Seconds from the head of a request to the head of its answer.
pub(super) const REQUEST_SECONDS: &str = "ostler_http_request_seconds";
/// Seconds that one hash of a password took.
pub(super) const HASH_SECONDS: &str = "ostler_password_hash_seconds";
/// Agents with a link to this process.
pub(super) const NODES_CONNECTED: &str = "ostler_nodes_connected";
/// Background tasks that are alive.
pub(super) const TASKS_ALIVE: &str = "ostler_tasks_alive";
/// Jobs that this process holds.
pub(super) const JOBS_HELD: &str = "ostler_jobs_held";
/// Calls to the database under way.
pub(super) const STORE_IN_FLIGHT: &str = "ostler_store_calls_in_flight";

/// From a tenth of a millisecond to ten seconds.
pub(super) const SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

struct Metric {
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    unit: &'static str,
    means: &'static str,
}

const METRICS: &[Metric] = &[
    Metric {
        name: REQUESTS,
        kind: Kind::Counter,
        labels: &["method", "route", "status"],
        unit: "requests",
        means: "Answered requests. `route` is the endpoint's pattern, never a path with ids; `none` when no endpoint was reached.",
    },
    Metric {
        name: REQUEST_SECONDS,
        kind: Kind::Histogram,
        labels: &["route"],
        unit: "seconds",
        means: "Time from the head of a request to the head of its answer. Long streams count until they begin.",
    },
    Metric {
        name: HASH_SECONDS,
        kind: Kind::Histogram,
        labels: &[],
        unit: "seconds",
        means: "Time for one hash of a password, without waiting for its turn. What else a sign-in takes is the rest of its request.",
    },
    Metric {
        name: NODES_CONNECTED,
        kind: Kind::Gauge,
        labels: &[],
        unit: "nodes",
        means: "Nodes whose agent has a link to this process.",
    },
    Metric {
        name: TASKS_ALIVE,
        kind: Kind::Gauge,
        labels: &[],
        unit: "tasks",
        means: "Background tasks of this process that are alive. One that only grows is a leak.",
    },
    Metric {
        name: JOBS_HELD,
        kind: Kind::Gauge,
        labels: &[],
        unit: "jobs",
        means: "Jobs that this process carries out now.",
    },
    Metric {
        name: STORE_IN_FLIGHT,
        kind: Kind::Gauge,
        labels: &[],
        unit: "calls",
        means: "Calls to the database under way. One that stays high means a database that cannot keep up.",
    },
];

/// Gives the recorder the words for its `HELP` lines.
pub(super) fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => ::metrics::describe_counter!(metric.name, metric.means),
            Kind::Gauge => ::metrics::describe_gauge!(metric.name, metric.means),
            Kind::Histogram => ::metrics::describe_histogram!(metric.name, metric.means),
        }
    }
}

const INTRO: &str = "# Metrics

`GET /metrics` answers in Prometheus' text format (0.0.4): for a key that may `platform:read`, and, with the setting
`metrics_on_loopback`, also without credentials from the machine itself. Each server of an installation answers for itself and counts
from its start.

```yaml
scrape_configs:
  - job_name: ostler
    authorization: { credentials_file: /etc/prometheus/ostler.key }
    static_configs: [{ targets: [\"ostler.example.org:443\"] }]
    scheme: https
```

| metric | type | labels | unit | meaning |
|---|---|---|---|---|
";

/// docs/reference/metrics.md.
pub fn markdown() -> String {
    let mut out = String::from(INTRO);
    for metric in METRICS {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, unit, means) = (metric.name, metric.unit, metric.means);
        let _ = writeln!(out, "| `{name}` | {kind} | {} | {unit} | {means} |", labels.join(", "));
    }
    let bounds: Vec<String> = SECONDS.iter().map(ToString::to_string).collect();
    let _ = writeln!(
        out,
        "\nA histogram is `_bucket` (label `le`: {} and `+Inf` seconds), `_sum` and `_count`.",
        bounds.join(", ")
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_metric_is_there_once_under_a_name_that_says_its_kind() {
        for (at, metric) in METRICS.iter().enumerate() {
            assert!(METRICS[..at].iter().all(|other| other.name != metric.name), "{} is there twice", metric.name);
            assert!(metric.name.starts_with("ostler_") && metric.means.ends_with('.'), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
            assert_eq!(metric.name.ends_with("_seconds"), metric.unit == "seconds", "{}", metric.name);
        }
    }

    /// What is recorded elsewhere under a name of its own would be in no table.
    #[test]
    fn nothing_is_recorded_but_by_the_names_of_this_file() {
        let mut rooms = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut found = 0;
        while let Some(room) = rooms.pop() {
            for entry in std::fs::read_dir(&room).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    rooms.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                for call in ["counter!(", "gauge!(", "histogram!("] {
                    for rest in text.split(&format!("metrics::{call}")).skip(1) {
                        let name = rest.split([',', ')']).next().unwrap().trim().trim_start_matches("registry::");
                        assert!(!name.starts_with('"') && path.parent().unwrap().ends_with("obs"), "{path:?}: {name}");
                        found += 1;
                    }
                }
            }
        }
        assert_eq!(found, METRICS.len(), "each metric is recorded at one place");
    }
}
