//! Which of some names was likely meant by one that is none of them.

/// Longest word for which a neighbour is looked for: edit distance is quadratic.
const NEAREST_CHARS_MAX: usize = 64;

/// Returns the candidate that is a likely misspelling of `written`.
#[must_use]
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = written.chars().count();
    if length == 0 || length > NEAREST_CHARS_MAX {
        return None;
    }
    let allowed = match length {
        1..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    nearest_within(written, candidates, allowed)
}

/// Returns the candidate that is no more than so many edits away.
#[must_use]
pub fn nearest_within<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    allowed: usize,
) -> Option<&'a str> {
    let length = written.chars().count();
    if length == 0 || length > NEAREST_CHARS_MAX {
        return None;
    }
    candidates
        .into_iter()
        .filter(|c| c.chars().count().abs_diff(length) <= allowed)
        .map(|c| (edit_distance(written, c), c))
        .filter(|(distance, _)| *distance <= allowed && *distance < length)
        .min()
        .map(|(_, c)| c)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, ca) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let mut cost = (row[j] + usize::from(ca != *cb)).min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && Some(*cb) == previous && ca == b[j - 1] {
                cost = cost.min(before[j - 1] + 1);
            }
            next.push(cost);
        }
        before = row;
        row = next;
        previous = Some(ca);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_pair_is_one_edit() {
        assert_eq!(edit_distance("prot", "port"), 1);
        assert_eq!(nearest("x", ["port"]), None);
    }
}
