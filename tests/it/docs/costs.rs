//! The arithmetic of docs/costs.md: amounts, products, sums, and the sentences that follow from them.

use super::read;

const LOADS: [f64; 4] = [0.0, 1.0, 10.0, 100.0];

/// Returns the rows of the table whose first heading is given: the first cell of each, and the rest.
fn table(heading: &str) -> Vec<(String, Vec<String>)> {
    let text = read("docs/costs.md");
    let (_, rest) = text.split_once(&format!("\n| {heading} |")).unwrap_or_else(|| panic!("no table {heading}"));
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        (cells.next().unwrap(), cells.collect())
    })
    .collect()
}

fn numbers<'a>(cells: impl IntoIterator<Item = &'a String>) -> Vec<f64> {
    cells.into_iter().map(|cell| cell.parse().unwrap_or_else(|_| panic!("{cell} is no number"))).collect()
}

/// Returns dollars in whole cents.
#[expect(clippy::cast_possible_truncation, reason = "costs are small")]
fn cents(dollars: f64) -> i64 {
    (dollars * 100.0).round() as i64
}

/// Returns the costs by item, and asserts that they are the products of the amounts, and the sums theirs.
fn checked_costs(cloud: &str) -> Vec<(String, Vec<i64>)> {
    let amounts = table(&format!("amounts on {cloud}"));
    let mut costs: Vec<(String, Vec<i64>)> = Vec::new();
    for (item, cells) in table(&format!("costs on {cloud}")) {
        assert!(cells.iter().all(|cell| cell.split_once('.').is_some_and(|(_, cents)| cents.len() == 2)), "{cells:?}");
        costs.push((item, numbers(&cells).into_iter().map(cents).collect()));
    }
    let (last, sums) = costs.pop().unwrap();
    assert_eq!((last.as_str(), costs.len()), ("**sum**", amounts.len()), "{cloud}");
    for ((item, costs), (of, cells)) in costs.iter().zip(&amounts) {
        assert_eq!(item, of);
        let (price, free) = (cells[1].parse::<f64>().unwrap(), cells[2].parse::<f64>().unwrap());
        let products = numbers(&cells[3..]).into_iter().map(|amount| cents((amount - free).max(0.0) * price));
        assert_eq!(*costs, products.collect::<Vec<_>>(), "{cloud}, {item}");
    }
    let column = |i: usize| costs.iter().map(|(_, costs)| costs[i]).sum::<i64>();
    assert_eq!(sums, (0..LOADS.len()).map(column).collect::<Vec<_>>(), "{cloud}");
    costs.push((last, sums));
    costs
}

/// Returns the amounts of an item.
fn amounts(cloud: &str, item: &str) -> Vec<f64> {
    let (_, cells) = table(&format!("amounts on {cloud}")).into_iter().find(|(name, _)| name == item).unwrap();
    numbers(&cells[3..])
}

fn assert_close(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9 * right.abs().max(1.0), "{left} is not {right}");
}

/// Asserts that docs/costs.md counts a line of the log with its size, give or take the digits of a duration.
pub(crate) fn assert_counted(line: &str, size: usize) {
    let (_, cells) = table("log bytes for each token").into_iter().find(|(name, _)| name == line).unwrap();
    let counted: usize = cells[1].parse().unwrap();
    assert!(size.abs_diff(counted) * 20 < counted, "{line} has {size} bytes, and docs/costs.md counts {counted}");
}

#[test]
fn products_and_sums_are_right() {
    checked_costs("Azure");
    checked_costs("AWS");
}

#[test]
fn amounts_follow_from_the_number_of_tokens() {
    let bytes = table("log bytes for each token");
    let (sum, parts) = bytes.split_last().unwrap();
    for (cloud, column) in [("Azure", 0), ("AWS", 1)] {
        let each: Vec<f64> = numbers(parts.iter().map(|(_, cells)| &cells[column]));
        let total: f64 = each.iter().sum();
        assert_close(total, sum.1[column].parse().unwrap());
        for (load, amount) in LOADS.iter().zip(amounts(cloud, "logs")) {
            assert_close(amount, load * total / 1000.0);
        }
    }
    // 128 MB for 60 ms; a month of 30 days of an instance of 0.5 GB.
    let per_million = [
        ("Azure", "executions", 1.0),
        ("Azure", "reads of records", 1.0),
        ("AWS", "requests to the HTTP API", 1.0),
        ("AWS", "Lambda requests", 1.0),
        ("AWS", "reads of records", 1.0),
        ("AWS", "Lambda time", 0.125 * 0.06 * 1e6),
    ];
    for (cloud, item, each) in per_million {
        for (load, amount) in LOADS.iter().zip(amounts(cloud, item)) {
            assert_close(amount, load * each);
        }
    }
    let month = 30.0 * 86_400.0 * 0.5;
    for (amount, expected) in amounts("Azure", "active instances").into_iter().zip([0.0, 1e6 * 0.5, month, 2.0 * month])
    {
        assert_close(amount, expected);
    }
}

#[test]
fn the_sentences_follow_from_the_tables() {
    let text = read("docs/costs.md");
    let of = |cloud: &str, item: &str| checked_costs(cloud).into_iter().find(|(name, _)| name == item).unwrap().1;
    assert!(text.contains("**Logs are most of it.**"));
    for load in [2, 3] {
        assert!(of("Azure", "logs")[load] * 2 > of("Azure", "**sum**")[load]);
        let most =
            checked_costs("AWS").into_iter().filter(|(name, _)| name != "**sum**").max_by_key(|(_, costs)| costs[load]);
        assert_eq!(most.unwrap().0, "requests to the HTTP API");
    }
    assert_eq!(of("Azure", "**sum**")[0], 0, "there is nothing to pay at rest");
    let limit = 1000.0 / 30.0 * 86_400.0 * 30.0 / 1e6;
    assert!(limit < 100.0 && text.contains(&format!("at most {limit:.0} million in 30 days")));
    let capped = 30.0 / amounts("Azure", "logs")[1];
    let capped = (capped * 10.0).floor() / 10.0;
    assert!(text.contains(&format!("reached at {capped:.1} million tokens a month")), "{capped}");
}
