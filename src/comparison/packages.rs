//! Lists of packages, and the difference between two of them.

use std::collections::BTreeMap;

/// The difference between the packages of two runs. All lists are sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackageDiff {
    /// The names and versions that only the second run has.
    pub added: Vec<(String, String)>,
    /// The names and versions that only the first run has.
    pub removed: Vec<(String, String)>,
    /// The packages of which the runs have different versions.
    pub changed: Vec<ChangedPackage>,
    /// How many packages are the same.
    pub same: usize,
}

/// A package with another version in the second run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangedPackage {
    /// The name.
    pub name: String,
    /// The version of the first run.
    pub before: String,
    /// The version of the second run.
    pub after: String,
}

impl PackageDiff {
    pub(super) fn of(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Self {
        let only = |left: &BTreeMap<String, String>, right: &BTreeMap<String, String>| {
            let only = left.iter().filter(|(name, _)| !right.contains_key(*name));
            only.map(|(name, version)| (name.clone(), version.clone())).collect()
        };
        let mut diff = PackageDiff {
            added: only(after, before),
            removed: only(before, after),
            ..PackageDiff::default()
        };
        for (name, before) in before {
            match after.get(name) {
                Some(after) if after == before => diff.same += 1,
                Some(after) => diff.changed.push(ChangedPackage {
                    name: name.clone(),
                    before: before.clone(),
                    after: after.clone(),
                }),
                None => {}
            }
        }
        diff
    }
}

/// Returns the packages of a file like `requirements.txt`: their names, and the rest of the line.
pub(super) fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let packages = lines.filter(|line| !line.is_empty() && !line.starts_with('-')).map(|line| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let end = line.find(|c| !is_name(c)).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        let version = rest.trim().strip_prefix("==").unwrap_or(rest.trim());
        (normal(name), version.to_owned())
    });
    packages.collect()
}

/// Returns the name of a package as Python's index writes it.
fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<&str>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(packages: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
        packages.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect()
    }

    #[test]
    fn packages_are_read_from_a_list() {
        let text = "mlflow==3.1\n# a comment\n\nnumpy>=2,<3 # why\n-r other.txt\nScikit_learn\n";
        let found = parse(text);
        assert_eq!(pairs(&found), [("mlflow", "3.1"), ("numpy", ">=2,<3"), ("scikit-learn", "")]);
    }

    #[test]
    fn versions_are_added_removed_and_changed() {
        let before = parse("a==1\nb==1\nc_d==2\n");
        let after = parse("b==2\nC.D==2\ne==3\n");
        let diff = PackageDiff::of(&before, &after);
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!((diff.added, diff.removed), (vec![pair("e", "3")], vec![pair("a", "1")]));
        let changed = ChangedPackage { name: "b".into(), before: "1".into(), after: "2".into() };
        assert_eq!((diff.changed, diff.same), (vec![changed], 1));
    }
}
