//! What calls cost, computed from what they were measured to take and the price list, beside Amazon Cognito.

use std::collections::HashMap;

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::results::{Figure, Section, grouped};
use crate::warm::Warm;

/// MB at which Lambda gives one whole processor; below, its share is in proportion.
const WHOLE_PROCESSOR: f64 = 1769.0;
/// What one call to DynamoDB takes, assumed.
const LATENCY_MS: f64 = 5.0;
const SIZES: [f64; 6] = [128.0, 256.0, 512.0, 1024.0, 1769.0, 3008.0];
/// Of the gateway and of Lambda for each request, by the formats of both: assumed.
const OTHER_LOG_BYTES: f64 = 740.0;
/// Body, headers and TLS records of an answer: assumed.
const ANSWER_BYTES: f64 = 2000.0;
/// Assumed: an account as in docs/DEPLOY.md; a session, which stays for a month.
const ACCOUNT_BYTES: f64 = 2000.0;
const SESSION_BYTES: f64 = 700.0;
/// Two instances that are at work all month read the key set every five minutes: assumed.
const SECRET_READS: f64 = 2.0 * 12.0 * 730.0;
const SECRETS: f64 = 2.0;
const SIGN_INS_A_USER: f64 = 20.0;
const USERS: [u32; 3] = [10_000, 100_000, 1_000_000];
const BAR_USERS: u32 = 100_000;
const MILLION: f64 = 1e6;

/// `warm` as the same run measured it.
pub fn compute(warm: &[Warm]) -> Result<Section, String> {
    let rates = Rates::new(warm)?;
    let mut figures = Vec::new();
    for warm in warm {
        let bill = rates.call(warm.endpoint, Architecture::X86)?;
        let on_arm = rates.call(warm.endpoint, Architecture::Arm)?;
        figures.push(Figure::new(
            format!("a million of {}, at {} MB (arm64)", warm.endpoint.name(), rates.memory(warm.endpoint)?),
            format!("${:.2} (${:.2}): {bill}", bill.total() * MILLION, on_arm.total() * MILLION),
        ));
    }
    for warm in warm {
        figures.push(rates.sizes(warm.endpoint)?);
    }
    let sign_ins = rates.month(MILLION / SIGN_INS_A_USER, 0.0)?;
    let with_rest = rates.month(MILLION / SIGN_INS_A_USER, 10.0)?;
    figures.push(Figure::new(
        "a million sign-ins all told, by 50,000 users (with ten refreshes and ten reads of the profile each)",
        format!("${sign_ins:.2} (${with_rest:.2})"),
    ));
    for users in USERS {
        figures.push(rates.beside_cognito(users)?);
    }
    Ok(Section { title: "Cost", command: "bench cost", method: method(&rates.prices), figures })
}

fn method(prices: &Prices) -> String {
    format!(
        "Computed, not billed: list prices of {} as of {} ([prices.json](prices.json), with their sources), without free \
         tiers and options. Lambda bills CPU as measured in this run, with RS256 keys as a deployment has them, over the \
         function's share of a processor (its `MemorySize` ÷ 1,769 MB), and {LATENCY_MS} ms (assumed) for each call to \
         DynamoDB that another waits for; half a millisecond more on average, since it rounds up. The price for arm64 is of the same time: none was measured there. \
         Capacity is the mean of what the engine reported (*Warm calls*). Log \
         lines are ours as measured and {OTHER_LOG_BYTES} bytes (assumed) of the gateway's and Lambda's. An answer is \
         {ANSWER_BYTES} bytes on the wire, an account {ACCOUNT_BYTES} in the table and a session {SESSION_BYTES}, all \
         assumed. *All told* adds the table and its recovery, two secrets and their reads. *Sizes*: the same computation at {} MB; \
         nothing was throttled for it. Lambda deals out shares in periods of some 20 ms, so a short call may be quicker than \
         that. *The last cent* and *the next*: how much sooner a call ends for each further cent of a million, from the size \
         below and to the size above. A *user* is a monthly active one with {SIGN_INS_A_USER} sign-ins.",
        prices.region,
        prices.looked_up,
        SIZES.map(|size| size.to_string()).join(", "),
    )
}

struct Rates {
    prices: Prices,
    /// By the endpoint's name.
    taken: HashMap<&'static str, Taken>,
    template: Value,
}

/// What one call takes.
#[derive(Clone, Copy)]
struct Taken {
    cpu_ms: f64,
    log_bytes: f64,
    writes: f64,
    reads: f64,
}

#[derive(Clone, Copy)]
enum Architecture {
    X86,
    Arm,
}

/// Dollars of one call.
struct Bill {
    cloudfront: f64,
    http_api: f64,
    lambda: f64,
    dynamodb: f64,
    logs: f64,
}

impl Rates {
    fn new(warm: &[Warm]) -> Result<Self, String> {
        let taken = warm.iter().map(|&Warm { endpoint, cpu, log_bytes, writes, reads }| {
            (endpoint.name(), Taken { cpu_ms: cpu.as_secs_f64() * 1e3, log_bytes, writes, reads })
        });
        // Read without CloudFormation's tags, which none of the sizes has.
        let template = serde_saphyr::from_str(TEMPLATE).map_err(|error| format!("template.yaml: {error}"))?;
        Ok(Self { prices: Prices::read(PRICES)?, taken: taken.collect(), template })
    }

    fn taken(&self, endpoint: Endpoint) -> Result<Taken, String> {
        self.taken.get(endpoint.name()).copied().ok_or_else(|| format!("{} was not measured", endpoint.name()))
    }

    /// `MemorySize` of its function.
    fn memory(&self, endpoint: Endpoint) -> Result<f64, String> {
        let folder = format!("functions/{}", endpoint.function());
        let resources = self.template["Resources"].as_object().ok_or("template.yaml has no resources")?;
        let own = resources.values().map(|resource| &resource["Properties"]);
        let own = own.filter(|function| function["CodeUri"] == folder.as_str()).find_map(|f| f["MemorySize"].as_f64());
        own.or_else(|| self.template["Globals"]["Function"]["MemorySize"].as_f64())
            .ok_or_else(|| format!("template.yaml has no size for {folder}"))
    }

    fn milliseconds(&self, endpoint: Endpoint, memory: f64) -> Result<f64, String> {
        Ok(duration(self.taken(endpoint)?.cpu_ms, endpoint.documented()?.round_trips, memory))
    }

    fn call(&self, endpoint: Endpoint, architecture: Architecture) -> Result<Bill, String> {
        let memory = self.memory(endpoint)?;
        let Taken { log_bytes, writes, reads, .. } = self.taken(endpoint)?;
        let gb_seconds = billed_gb_seconds(self.milliseconds(endpoint, memory)?, memory);
        let gb_second = match architecture {
            Architecture::X86 => "lambda_gb_second_x86_64",
            Architecture::Arm => "lambda_gb_second_arm64",
        };
        let all = |quantities: &[(&str, f64)]| self.prices.sum(quantities);
        let logged = log_bytes + OTHER_LOG_BYTES;
        Ok(Bill {
            cloudfront: all(&[
                ("cloudfront_request", 1.0),
                ("cloudfront_function", 1.0),
                ("cloudfront_byte", ANSWER_BYTES),
            ])?,
            http_api: all(&[("http_api_request", 1.0)])?,
            lambda: all(&[("lambda_request", 1.0), (gb_second, gb_seconds)])?,
            dynamodb: all(&[("dynamodb_write", writes), ("dynamodb_read", reads)])?,
            logs: all(&[("logs_byte", logged), ("logs_byte_month", logged)])?,
        })
    }

    /// Time and price at each size, and what the next cent buys at the template's.
    fn sizes(&self, endpoint: Endpoint) -> Result<Figure, String> {
        let at = |memory: f64| -> Result<(f64, f64), String> {
            let milliseconds = self.milliseconds(endpoint, memory)?;
            let gb_seconds = billed_gb_seconds(milliseconds, memory) * MILLION;
            Ok((milliseconds, self.prices.of("lambda_gb_second_x86_64", gb_seconds)?))
        };
        let curve = SIZES.into_iter().map(at).collect::<Result<Vec<_>, _>>()?;
        let memory = self.memory(endpoint)?;
        let chosen = SIZES.iter().position(|size| (size - memory).abs() < 0.5);
        let chosen = chosen.ok_or_else(|| format!("{memory} MB is none of the sizes"))?;
        let of_step = |from: usize| Some(milliseconds_a_cent(*curve.get(from)?, *curve.get(from + 1)?));
        let step =
            |from: Option<usize>| from.and_then(of_step).map_or("–".to_owned(), |gain| format!("{gain:.2} ms"));
        let list = |of: fn(&(f64, f64)) -> String| curve.iter().map(of).collect::<Vec<_>>().join(" · ");
        Ok(Figure::new(
            format!("{}: time and Lambda's GB-seconds for a million, by size", endpoint.name()),
            format!(
                "{} ms; ${}; at the template's {memory} MB the last cent bought {}, the next would buy {}",
                list(|(milliseconds, _)| format!("{milliseconds:.1}")),
                list(|(_, dollars)| format!("{dollars:.2}")),
                step(chosen.checked_sub(1)),
                step(Some(chosen)),
            ),
        ))
    }

    /// Dollars of a month: sign-ins, so many refreshes and reads of the profile with each, and what stands there.
    fn month(&self, users: f64, visits: f64) -> Result<f64, String> {
        let sign_ins = users * SIGN_INS_A_USER;
        let mut dollars = self.call(Endpoint::Login, Architecture::X86)?.total() * sign_ins;
        for endpoint in [Endpoint::Refresh, Endpoint::ProfileRead] {
            dollars += self.call(endpoint, Architecture::X86)?.total() * sign_ins * visits;
        }
        let gigabytes = (users * ACCOUNT_BYTES + sign_ins * SESSION_BYTES) / 1e9;
        let standing = [
            ("dynamodb_gb_month", gigabytes),
            ("dynamodb_pitr_gb_month", gigabytes),
            ("secret_month", SECRETS),
            ("secret_read", SECRET_READS),
        ];
        Ok(dollars + self.prices.sum(&standing)?)
    }

    fn beside_cognito(&self, count: u32) -> Result<Figure, String> {
        let users = f64::from(count);
        let (ours, with_rest) = (self.month(users, 0.0)?, self.month(users, 10.0)?);
        let essentials = self.prices.of("cognito_essentials_user", users)?;
        let essentials_free = self.prices.of("cognito_essentials_user", users - COGNITO_FREE)?;
        let (lite, lite_free) = (self.cognito_lite(0.0, users)?, self.cognito_lite(COGNITO_FREE, users)?);
        let figure = Figure::new(
            format!(
                "a month of {} users: sign-ins (refreshes and reads, too), beside Cognito Essentials and Lite",
                grouped(count as usize),
            ),
            format!(
                "${ours:.2} (${with_rest:.2}): 1/{:.0} (1/{:.1}) of Essentials' ${essentials:.0}, ${essentials_free:.0} \
                 with its free tier; 1/{:.0} (1/{:.1}) of Lite's ${lite:.0}, ${lite_free:.0} with its free tier",
                essentials / ours,
                essentials / with_rest,
                lite / ours,
                lite / with_rest,
            ),
        );
        if count != BAR_USERS {
            return Ok(figure);
        }
        Ok(figure.bar("sign-ins ≤ 1/100 of Essentials", ours * 100.0 <= essentials))
    }

    /// For the users from the `from`th to the `to`th: the first 100,000 have another price.
    fn cognito_lite(&self, from: f64, to: f64) -> Result<f64, String> {
        let below = to.min(LITE_TIER) - from.min(LITE_TIER);
        let beyond = to.max(LITE_TIER) - from.max(LITE_TIER);
        self.prices.sum(&[("cognito_lite_user", below), ("cognito_lite_user_beyond", beyond)])
    }
}

const COGNITO_FREE: f64 = 10_000.0;
const LITE_TIER: f64 = 100_000.0;
const TEMPLATE: &str = include_str!("../../template.yaml");
const PRICES: &str = include_str!("../prices.json");

impl Bill {
    fn total(&self) -> f64 {
        self.cloudfront + self.http_api + self.lambda + self.dynamodb + self.logs
    }
}

impl std::fmt::Display for Bill {
    /// Of a million.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cloudfront, http_api, lambda, dynamodb, logs } = self;
        let [cloudfront, http_api, lambda, dynamodb, logs] =
            [cloudfront, http_api, lambda, dynamodb, logs].map(|dollars| dollars * MILLION);
        write!(
            f,
            "CloudFront {cloudfront:.2}, HTTP API {http_api:.2}, Lambda {lambda:.2}, DynamoDB {dynamodb:.2}, log {logs:.2}"
        )
    }
}

struct Prices {
    looked_up: String,
    region: String,
    /// Dollars of one unit.
    units: HashMap<String, f64>,
}

impl Prices {
    fn read(text: &str) -> Result<Self, String> {
        let list: Value = serde_json::from_str(text).map_err(|error| format!("prices.json: {error}"))?;
        let entry = |(name, price): (&String, &Value)| {
            let unit = price["dollars"].as_f64().zip(price["per"].as_f64()).map(|(dollars, per)| dollars / per);
            unit.map(|unit| (name.clone(), unit)).ok_or_else(|| format!("prices.json: {name} is no price"))
        };
        let units = list["prices"].as_object().ok_or("prices.json has no prices")?.iter().map(entry);
        let word = |name: &str| list[name].as_str().unwrap_or("unknown").to_owned();
        Ok(Self { looked_up: word("looked_up"), region: word("region"), units: units.collect::<Result<_, _>>()? })
    }

    fn of(&self, name: &str, quantity: f64) -> Result<f64, String> {
        self.units.get(name).map(|unit| unit * quantity).ok_or_else(|| format!("prices.json has no {name}"))
    }

    fn sum(&self, quantities: &[(&str, f64)]) -> Result<f64, String> {
        quantities.iter().map(|(name, quantity)| self.of(name, *quantity)).sum()
    }
}

/// Milliseconds of a call that has so many of CPU and waits for so many calls to DynamoDB.
fn duration(cpu: f64, round_trips: f64, memory: f64) -> f64 {
    cpu * (WHOLE_PROCESSOR / memory).max(1.0) + round_trips * LATENCY_MS
}

/// Lambda rounds up to a millisecond: half of one on average, and never less than one.
fn billed_gb_seconds(milliseconds: f64, memory: f64) -> f64 {
    (milliseconds + 0.5).max(1.0) / 1e3 * memory / 1024.0
}

/// How much sooner a call ends for each further cent of a million, between two sizes of (milliseconds, dollars).
fn milliseconds_a_cent(smaller: (f64, f64), larger: (f64, f64)) -> f64 {
    (smaller.0 - larger.0) / ((larger.1 - smaller.1) * 100.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rates() -> Rates {
        let warm =
            |endpoint| Warm { endpoint, cpu: Duration::from_millis(15), log_bytes: 460.0, writes: 2.2, reads: 3.0 };
        Rates::new(&Endpoint::ALL.map(warm)).unwrap()
    }

    fn is(actual: f64, expected: f64) -> bool {
        (actual - expected).abs() < 0.005
    }

    #[test]
    fn a_sign_in_costs_what_the_calculation_by_hand_says() {
        let bill = rates().call(Endpoint::Login, Architecture::X86).unwrap();
        // 25.5 ms of 1769 MB are 0.04405 GB-seconds.
        assert!(is(bill.lambda * MILLION, 0.20 + 0.734), "{bill}");
        assert!(is(bill.dynamodb * MILLION, 2.2 * 0.625 + 3.0 * 0.125), "{bill}");
        assert!(is(bill.cloudfront * MILLION, 1.00 + 0.10 + 0.17), "{bill}");
        assert!(is(bill.logs * MILLION, 0.60 + 0.036), "{bill}");
        assert!(is(bill.total() * MILLION, 1.27 + 1.00 + 0.934 + 1.75 + 0.636), "{bill}");
    }

    #[test]
    fn a_share_of_a_processor_takes_longer_and_more_than_one_is_no_quicker() {
        assert!(is(duration(15.0, 2.0, 1769.0), 25.0) && is(duration(15.0, 2.0, 3008.0), 25.0));
        assert!(is(duration(15.0, 2.0, 884.5), 40.0));
        assert!(is(milliseconds_a_cent((40.0, 0.5), (25.0, 0.6)), 1.5));
    }

    #[test]
    fn cognito_has_tiers_and_a_free_one() {
        let rates = rates();
        let lite = |from, to| rates.cognito_lite(from, to).unwrap();
        assert!(is(lite(0.0, 100_000.0), 550.0) && is(lite(10_000.0, 100_000.0), 495.0));
        assert!(is(lite(0.0, 1_000_000.0), 550.0 + 900_000.0 * 0.0046));
        assert!(is(lite(10_000.0, 10_000.0), 0.0));
    }

    #[test]
    fn a_function_has_its_own_size_or_that_of_all() {
        let rates = rates();
        assert!(is(rates.memory(Endpoint::Login).unwrap(), 1769.0));
        assert!(is(rates.memory(Endpoint::Refresh).unwrap(), 512.0));
    }
}
