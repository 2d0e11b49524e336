//! CloudWatch's embedded metric format: a log line that is also metrics. Nothing is sent but the line.

use std::time::Duration;

use auth::Tally;
use axum::http::StatusCode;
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
    #[serde(skip_serializing_if = "is_none")]
    faults: u32,
    #[serde(skip_serializing_if = "is_none")]
    refused_sign_ins: u32,
}

impl<'a> RequestMetrics<'a> {
    /// `at` is in milliseconds since 1970, as is usual; so is `latency`, of a request.
    pub fn new(
        stack: &'a str,
        at: i64,
        (route, code, status): (&'a str, Option<&'static str>, StatusCode),
        latency: f64,
        tally: &Tally,
    ) -> Self {
        let hash_time = tally.hash_time().map(milliseconds);
        let (retries, reuses) = (tally.retries(), tally.reuses());
        let faults = u32::from(status.is_server_error());
        let is_refused = matches!(code, Some("invalid_credentials" | "too_many_requests"));
        let refused_sign_ins = u32::from(route == "/auth/login" && is_refused);
        let by_route = [
            Some(Metric { name: "Latency", unit: "Milliseconds" }),
            hash_time.map(|_| Metric { name: "HashTime", unit: "Milliseconds" }),
            (retries > 0).then_some(Metric { name: "DynamoDbRetries", unit: "Count" }),
        ];
        let mut cloud_watch_metrics = vec![
            Directive::new(&["Stack", "Route", "Outcome"], [Metric { name: "Requests", unit: "Count" }]),
            Directive::new(&["Stack", "Route"], by_route.into_iter().flatten()),
        ];
        // What alarms are about. They are of the stack as a whole, since an alarm can't add up what it doesn't know.
        let by_stack: Vec<_> = [("ReuseDetected", reuses), ("Faults", faults), ("RefusedSignIns", refused_sign_ins)]
            .into_iter()
            .filter(|&(_, count)| count > 0)
            .map(|(name, _)| Metric { name, unit: "Count" })
            .collect();
        if !by_stack.is_empty() {
            cloud_watch_metrics.push(Directive::new(&["Stack"], by_stack));
        }
        Self {
            directives: Directives { timestamp: at, cloud_watch_metrics },
            stack,
            route,
            outcome: code.unwrap_or("ok"),
            requests: 1,
            latency,
            hash_time,
            dynamo_db_retries: retries,
            reuse_detected: reuses,
            faults,
            refused_sign_ins,
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
