//! The members of enumerations and bits types, with the numbers they are given (RFC 7950 §9.6, §9.7).

use super::compile::Compiler;
use super::definitions::taken;
use super::keyword::Keyword;
use super::schema::{Bit, EnumMember};
use super::statement::StatementId;
use crate::diagnostic::{Diagnostic, nearest};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A member before it is known whether it is a bit or an enum.
struct Member {
    name: Arc<str>,
    number: i64,
    description: Option<Arc<str>>,
}

/// What tells the two kinds apart.
struct Kind {
    member: Keyword,
    number: Keyword,
    number_max: i64,
    name: &'static str,
}

const ENUMERATION: Kind =
    Kind { member: Keyword::Enum, number: Keyword::Value, number_max: 0x7fff_ffff, name: "enumeration" };
const BITS: Kind = Kind { member: Keyword::Bit, number: Keyword::Position, number_max: 0xffff_ffff, name: "bits" };

impl Compiler<'_> {
    /// Reads the members of an enumeration; with a base, only members of it with their values.
    pub(super) fn enumeration(
        &mut self,
        statement: StatementId,
        base: Option<&[EnumMember]>,
    ) -> Option<Vec<EnumMember>> {
        let numbers = base.map(|b| b.iter().map(|m| (Arc::clone(&m.name), i64::from(m.value))).collect());
        if let Some(base) = base.filter(|_| self.set.statements.first(statement, Keyword::Enum).is_none()) {
            self.allow_only(statement, &[Keyword::Enum], ENUMERATION.name);
            return Some(base.to_vec());
        }
        let members = self.members(statement, &ENUMERATION, numbers.as_ref())?;
        let build = |m: Member| {
            Some(EnumMember { name: m.name, value: i32::try_from(m.number).ok()?, description: m.description })
        };
        Some(members.into_iter().filter_map(build).collect())
    }

    /// Reads the members of a bits type in the order of their positions; with a base, only members of it.
    pub(super) fn bits(&mut self, statement: StatementId, base: Option<&[Bit]>) -> Option<Vec<Bit>> {
        let numbers = base.map(|b| b.iter().map(|m| (Arc::clone(&m.name), i64::from(m.position))).collect());
        if let Some(base) = base.filter(|_| self.set.statements.first(statement, Keyword::Bit).is_none()) {
            self.allow_only(statement, &[Keyword::Bit], BITS.name);
            return Some(base.to_vec());
        }
        let members = self.members(statement, &BITS, numbers.as_ref())?;
        let build =
            |m: Member| Some(Bit { name: m.name, position: u32::try_from(m.number).ok()?, description: m.description });
        let mut bits: Vec<Bit> = members.into_iter().filter_map(build).collect();
        bits.sort_by_key(|bit| bit.position);
        Some(bits)
    }

    /// Reads the members that are written.
    fn members(
        &mut self,
        statement: StatementId,
        kind: &Kind,
        base: Option<&HashMap<Arc<str>, i64>>,
    ) -> Option<Vec<Member>> {
        self.allow_only(statement, &[kind.member], kind.name);
        if base.is_some() && !self.set.is_1_1(statement) {
            let what = format!("YANG 1 cannot narrow a type derived from `{}`, only YANG 1.1 can", kind.name);
            let at = self.set.statements.first(statement, kind.member).unwrap_or(statement);
            self.faults.push(Diagnostic::error(what).at(self.set.statements.span(at)));
        }
        let statements: Vec<StatementId> = self.set.statements.all(statement, kind.member).collect();
        if statements.is_empty() {
            self.lacks(statement, kind.member);
            return None;
        }
        let mut names: HashMap<Arc<str>, StatementId> = HashMap::new();
        let mut numbers: HashSet<i64> = HashSet::new();
        let mut highest: Option<i64> = None;
        let mut members = Vec::new();
        for at in statements {
            let name = self.set.statements.shared_argument(at);
            if let Some(first) = names.insert(Arc::clone(&name), at) {
                self.faults.push(taken(self.set, at, first));
                continue;
            }
            if name.trim() != &*name {
                let what = format!("{} `{name}` starts or ends with a blank", kind.member);
                self.faults.push(Diagnostic::error(what).at(self.set.statements.argument_span(at)));
            }
            let Some(number) = self.member_number(at, kind, base, highest) else { continue };
            if !numbers.insert(number) {
                let what = format!("{} {number} is that of another {} already", kind.number, kind.member);
                self.faults.push(Diagnostic::error(what).at(self.set.statements.span(at)));
            }
            highest = Some(highest.map_or(number, |h| h.max(number)));
            if self.features_hold(at) {
                let description = self.set.statements.first_argument(at, Keyword::Description);
                members.push(Member { name, number, description });
            }
        }
        Some(members)
    }

    /// Returns the number of a member: its own, that of the base type, or one more than the highest so far.
    fn member_number(
        &mut self,
        at: StatementId,
        kind: &Kind,
        base: Option<&HashMap<Arc<str>, i64>>,
        highest: Option<i64>,
    ) -> Option<i64> {
        let name = self.set.statements.argument(at);
        let stated = self.set.statements.first_argument(at, kind.number).and_then(|n| n.parse::<i64>().ok());
        if let Some(base) = base {
            let Some(inherited) = base.get(name).copied() else {
                let fault = Diagnostic::error(format!("{} `{name}` is not one of the base type", kind.member));
                let mut known: Vec<&str> = base.keys().map(|k| &**k).collect();
                known.sort_unstable();
                let fault = match nearest(name, known) {
                    Some(near) => fault.hint(format!("did you mean `{near}`?")),
                    None => fault,
                };
                self.faults.push(fault.at(self.set.statements.argument_span(at)));
                return None;
            };
            if stated.is_some_and(|n| n != inherited) {
                let what = format!("{} of `{name}` is {inherited} in the base type", kind.number);
                self.faults.push(Diagnostic::error(what).at(self.set.statements.span(at)));
            }
            return Some(inherited);
        }
        let number = stated.unwrap_or_else(|| highest.map_or(0, |h| h.saturating_add(1)));
        if number > kind.number_max {
            let what =
                format!("{} `{name}` needs a `{}`: the one before has the highest there is", kind.member, kind.number);
            self.faults.push(Diagnostic::error(what).at(self.set.statements.span(at)));
            return None;
        }
        Some(number)
    }
}
