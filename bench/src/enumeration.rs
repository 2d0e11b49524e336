//! Whether the time of a refused login tells an account, or a disabled one, from none: by address and by username.

use std::time::{Duration, Instant};

use auth_testing::Function;
use serde_json::{Value, json};

use crate::binary;
use crate::results::{Figure, Section, ms, quantile};
use crate::stage::{PASSWORD, Stage};

const ACCOUNTS: usize = 80;
/// Below the tries that one identifier has in a quarter of an hour.
const TRIES: usize = 8;
const WARM_UP: usize = 10;
const MIN_P: f64 = 0.01;
const MAX_DIFFERENCE: f64 = 0.01;

/// What somebody might want to tell apart.
struct Comparison {
    name: &'static str,
    /// Of the body: what identifies the account.
    member: &'static str,
    /// How the names of accounts begin, and as many letters that no account has.
    known: &'static str,
    unknown: &'static str,
    is_disabled: bool,
}

const COMPARISONS: [Comparison; 3] = [
    Comparison { name: "address", member: "email", known: "mails", unknown: "nomai", is_disabled: false },
    Comparison { name: "username", member: "username", known: "named", unknown: "nonam", is_disabled: false },
    Comparison { name: "address, disabled", member: "email", known: "shuts", unknown: "noshu", is_disabled: true },
];

pub async fn measure() -> Result<Section, String> {
    let stage = Stage::set().await?;
    let event = stage.event("login")?;
    let mut function = Function::start(&binary("release/login")?, &stage.environment()).await?;
    let mut figures = Vec::new();
    for comparison in &COMPARISONS {
        let Comparison { known, unknown, .. } = comparison;
        for account in 0..=ACCOUNTS {
            let user = stage.open_account(&format!("{known}{account:02}")).await?;
            if comparison.is_disabled {
                stage.disable(&user).await?;
            }
        }
        for _ in 0..WARM_UP / 2 {
            // An account that is not measured, and none.
            refused(&mut function, &event, comparison, known, ACCOUNTS).await?;
            refused(&mut function, &event, comparison, unknown, ACCOUNTS).await?;
        }
        let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
        for pair in 0..ACCOUNTS * TRIES {
            let account = pair % ACCOUNTS;
            // Which goes first takes turns, by account and by try: each has as many on either side.
            if (account + pair / ACCOUNTS).is_multiple_of(2) {
                of_known.push(refused(&mut function, &event, comparison, known, account).await?);
                of_unknown.push(refused(&mut function, &event, comparison, unknown, account).await?);
            } else {
                of_unknown.push(refused(&mut function, &event, comparison, unknown, account).await?);
                of_known.push(refused(&mut function, &event, comparison, known, account).await?);
            }
        }
        figures.extend(compared(comparison.name, of_known, of_unknown));
    }
    function.stop().await?;
    Ok(Section {
        title: "Enumeration",
        command: "bench enumeration",
        method: format!(
            "The release build of login against a fake Lambda Runtime API and the embedded engine refuses {} pairs of \
             sign-ins of each kind: one for an address or a username that has an account, with a wrong password, or a disabled account, with \
             the right one, and one for an address or a username of the same length that has none. They take turns, and which of a pair is first \
             does, too. Wall time from the event to its answer. The differences are taken within pairs, which meet the same \
             machine: on a busy one both medians jump. p of the two-sided Mann-Whitney U test that both are of one \
             distribution.",
            ACCOUNTS * TRIES,
        ),
        figures,
    })
}

async fn refused(
    function: &mut Function,
    event: &Value,
    comparison: &Comparison,
    name: &str,
    account: usize,
) -> Result<Duration, String> {
    let mut event = event.clone();
    let host = if comparison.member == "email" { "@example.com" } else { "" };
    let identifier = format!("{name}{account:02}{host}");
    // Whoever knows the password of a closed account learns no more.
    let password = if comparison.is_disabled { PASSWORD } else { "not the password of anyone" };
    let body = json!({ comparison.member: identifier, "password": password });
    event["body"] = body.to_string().into();
    let event = event.to_string();
    let begin = Instant::now();
    function.send(&event)?;
    Ok(function.answered(401).await?.duration_since(begin))
}

fn compared(name: &str, mut known: Vec<Duration>, mut unknown: Vec<Duration>) -> [Figure; 3] {
    let (of_pairs_known, of_pairs_unknown) = (seconds(&known), seconds(&unknown));
    let p = mann_whitney(&of_pairs_known, &of_pairs_unknown);
    let mut differences: Vec<_> = of_pairs_known.iter().zip(&of_pairs_unknown).map(|(k, u)| k - u).collect();
    differences.sort_by(f64::total_cmp);
    let (of_known, of_unknown) = (quantile(&mut known, 0.5), quantile(&mut unknown, 0.5));
    let difference = differences[differences.len() / 2] / of_unknown.as_secs_f64();
    [
        Figure::new(format!("{name}, median: known / unknown"), format!("{} / {}", ms(of_known), ms(of_unknown))),
        Figure::new(
            format!("{name}, median of the pairs' differences, against the median"),
            format!("{:+.2} %", difference * 100.0),
        )
        .bar("< 1 %", difference.abs() < MAX_DIFFERENCE),
        Figure::new(format!("{name}, p"), format!("{p:.3}")).bar(format!("> {MIN_P}"), p > MIN_P),
    ]
}

fn seconds(times: &[Duration]) -> Vec<f64> {
    times.iter().map(Duration::as_secs_f64).collect()
}

/// The two-sided p of the Mann-Whitney U test (Ann. Math. Stat. 18:50), by the normal approximation with the correction for
/// ties and none for continuity: right for samples of twenty and more.
#[allow(clippy::cast_precision_loss, reason = "counts of samples")]
fn mann_whitney(first: &[f64], second: &[f64]) -> f64 {
    let mut all: Vec<_> = first.iter().map(|&x| (x, true)).chain(second.iter().map(|&x| (x, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let count = equal.len() as f64;
        let of_first = equal.iter().filter(|(_, is_first)| *is_first).count() as f64;
        rank_sum += of_first * (before + f64::midpoint(1.0, count));
        ties += count.powi(3) - count;
        before += count;
    }
    let (n, m, total) = (first.len() as f64, second.len() as f64, all.len() as f64);
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * ((total + 1.0) - ties / (total * (total - 1.0)));
    if variance <= 0.0 { 1.0 } else { erfc((u - n * m / 2.0).abs() / (2.0 * variance).sqrt()) }
}

/// The complementary error function for `x` ≥ 0, to 1.2e-7 of its value (Numerical Recipes §6.2).
fn erfc(x: f64) -> f64 {
    const C: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + x / 2.0);
    t * (C.iter().rev().fold(0.0, |sum, c| sum * t + c) - x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Permeability of a membrane: Hollander and Wolfe, Nonparametric Statistical Methods (1973), p. 69 f. W is 35, and the
    /// one-sided p by the normal approximation 0.1103; R's `wilcox.test` has it as its example.
    #[test]
    fn the_example_of_hollander_and_wolfe_has_its_p() {
        let at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let earlier = [1.15, 0.88, 0.90, 0.74, 1.21];
        for p in [mann_whitney(&at_term, &earlier), mann_whitney(&earlier, &at_term)] {
            assert!((p / 2.0 - 0.1103).abs() < 0.0001, "{p}");
        }
    }

    /// By hand: of ranks 1.5, 1.5, 3.5, 3.5, 5 and 6 the first have 1.5, 3.5 and 5, so U is 4; the variance is
    /// 9 / 12 × (7 − 12 / 30) = 4.95, and z (4 − 4.5) / √4.95 = −0.2247.
    #[test]
    fn ties_share_their_rank_and_lessen_the_variance() {
        let p = mann_whitney(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0]);
        assert!((p - 0.8222).abs() < 0.0001, "{p}");
        assert!((mann_whitney(&[1.0; 5], &[1.0; 5]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_shift_is_found_and_none_is_not() {
        let plain: Vec<_> = (0..200).map(f64::from).collect();
        let shifted: Vec<_> = plain.iter().map(|x| x + 40.0).collect();
        assert!(mann_whitney(&plain, &shifted) < 0.001);
        assert!(mann_whitney(&plain, &plain) > 0.99);
    }

    /// Of tables of the normal distribution.
    #[test]
    fn the_tails_are_those_of_the_normal_distribution() {
        for (z, two_sided) in [(0.0, 1.0), (1.0, 0.317_311), (1.959_964, 0.05), (2.575_829, 0.01), (3.290_527, 0.001)] {
            let p = erfc(z / f64::sqrt(2.0));
            assert!((p - two_sided).abs() < 1e-6, "{z}: {p}");
        }
    }
}
