//! CloudWatch's embedded metric format: a log line that is also metrics. Nothing is sent but the line.

use std::time::Duration;

use auth::Tally;
use serde::Serialize;

/// Metrics of one request. Route and outcome are ours alone, whatever a client sends: the templates of our routes and
/// `unmatched`, the codes of our problems and `ok`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RequestMetrics<'a> {
    #[serde(rename = "_aws")]
    directives: Directives,
    stack: &'a str,
    route: &'a str,
    outcome: &'static str,
    requests: u32,
    latency: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_time: Option<f64>,
    #[serde(skip_serializing_if = "is_none")]
    dynamo_db_retries: u32,
    #[serde(skip_serializing_if = "is_none")]
    reuse_detected: u32,
}

impl<'a> RequestMetrics<'a> {
    /// `at` is in milliseconds since 1970, as is usual; so is `latency`, of a request.
    pub fn new(
        stack: &'a str,
        at: i64,
        route: &'a str,
        outcome: Option<&'static str>,
        latency: f64,
        tally: &Tally,
    ) -> Self {
        let hash_time = tally.hash_time().map(milliseconds);
        let (retries, reuses) = (tally.retries(), tally.reuses());
        let by_route = [
            Some(Metric { name: "Latency", unit: "Milliseconds" }),
            hash_time.map(|_| Metric { name: "HashTime", unit: "Milliseconds" }),
            (retries > 0).then_some(Metric { name: "DynamoDbRetries", unit: "Count" }),
        ];
        let mut cloud_watch_metrics = vec![
            Directive::new(&["Stack", "Route", "Outcome"], [Metric { name: "Requests", unit: "Count" }]),
            Directive::new(&["Stack", "Route"], by_route.into_iter().flatten()),
        ];
        if reuses > 0 {
            cloud_watch_metrics.push(Directive::new(&["Stack"], [Metric { name: "ReuseDetected", unit: "Count" }]));
        }
        Self {
            directives: Directives { timestamp: at, cloud_watch_metrics },
            stack,
            route,
            outcome: outcome.unwrap_or("ok"),
            requests: 1,
            latency,
            hash_time,
            dynamo_db_retries: retries,
            reuse_detected: reuses,
        }
    }
}

/// Metrics of one event of a function that answers no requests.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InvocationMetrics<'a> {
    #[serde(rename = "_aws")]
    directives: Directives,
    stack: &'a str,
    /// As Lambda calls it, so that it is the `FunctionName` of Lambda's own metrics.
    function: &'a str,
    outcome: &'static str,
    invocations: u32,
}

impl<'a> InvocationMetrics<'a> {
    pub fn new(stack: &'a str, at: i64, function: &'a str, is_ok: bool) -> Self {
        let metric = Metric { name: "Invocations", unit: "Count" };
        let directive = Directive::new(&["Stack", "Function", "Outcome"], [metric]);
        Self {
            directives: Directives { timestamp: at, cloud_watch_metrics: vec![directive] },
            stack,
            function,
            outcome: if is_ok { "ok" } else { "error" },
            invocations: 1,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directives {
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    /// One set: each more would be metrics of its own, to be paid.
    dimensions: [&'static [&'static str]; 1],
    metrics: Vec<Metric>,
}

impl Directive {
    fn new(dimensions: &'static [&'static str], metrics: impl IntoIterator<Item = Metric>) -> Self {
        Self { namespace: "Vestibule", dimensions: [dimensions], metrics: metrics.into_iter().collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

/// To the microsecond.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(count: &u32) -> bool {
    *count == 0
}
