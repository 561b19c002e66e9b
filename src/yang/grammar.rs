//! Which substatements each statement may and must have (RFC 7950 §7, §9, §14), as one table.

#![allow(clippy::enum_glob_use, reason = "the table below is that of the RFC, whose words are the keywords alone")]

use super::argument;
use super::keyword::Keyword::{self, *};
use super::statement::{StatementId, Statements, Word};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use std::collections::HashSet;

/// How often a substatement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    /// Exactly once.
    One,
    /// At most once.
    Maybe,
    /// Any number of times.
    Any,
    /// At least once.
    Several,
}
use Times::{Any, Maybe, One, Several};

type Row = &'static [(Keyword, Times)];

const TEXTS: Row = &[(Description, Maybe), (Reference, Maybe)];
const STATUS: Row = &[(Status, Maybe)];
const CONDITIONS: Row = &[(When, Maybe), (IfFeature, Any)];
const SCOPED: Row = &[(Typedef, Any), (Grouping, Any)];
const DATA: Row = &[
    (Container, Any),
    (Leaf, Any),
    (LeafList, Any),
    (List, Any),
    (Choice, Any),
    (Anydata, Any),
    (Anyxml, Any),
    (Uses, Any),
];
const ACTIONS: Row = &[(Action, Any), (Notification, Any)];
const COUNTS: Row = &[(MinElements, Maybe), (MaxElements, Maybe), (OrderedBy, Maybe)];
const ERROR: Row = &[(ErrorMessage, Maybe), (ErrorAppTag, Maybe)];
const HEADER: Row = &[
    (YangVersion, Maybe),
    (Import, Any),
    (Include, Any),
    (Organization, Maybe),
    (Contact, Maybe),
    (Revision, Any),
    (Extension, Any),
    (Feature, Any),
    (Identity, Any),
    (Augment, Any),
    (Rpc, Any),
    (Notification, Any),
    (Deviation, Any),
];

/// Returns the substatements that a statement may have.
fn rows(keyword: Keyword) -> &'static [Row] {
    match keyword {
        Module => &[&[(Namespace, One), (Prefix, One)], HEADER, TEXTS, SCOPED, DATA],
        Submodule => &[&[(BelongsTo, One)], HEADER, TEXTS, SCOPED, DATA],
        Import => &[&[(Prefix, One), (RevisionDate, Maybe)], TEXTS],
        Include => &[&[(RevisionDate, Maybe)], TEXTS],
        BelongsTo => &[&[(Prefix, One)]],
        Revision => &[TEXTS],
        Extension => &[&[(Argument, Maybe)], STATUS, TEXTS],
        Argument => &[&[(YinElement, Maybe)]],
        Feature => &[&[(IfFeature, Any)], STATUS, TEXTS],
        Identity => &[&[(IfFeature, Any), (Base, Any)], STATUS, TEXTS],
        Typedef => &[&[(Type, One), (Units, Maybe), (Default, Maybe)], STATUS, TEXTS],
        Grouping => &[STATUS, TEXTS, SCOPED, DATA, ACTIONS],
        Container => {
            &[CONDITIONS, &[(Must, Any), (Presence, Maybe), (Config, Maybe)], STATUS, TEXTS, SCOPED, DATA, ACTIONS]
        }
        Leaf => &[
            CONDITIONS,
            &[(Type, One), (Units, Maybe), (Must, Any), (Default, Maybe), (Config, Maybe), (Mandatory, Maybe)],
            STATUS,
            TEXTS,
        ],
        LeafList => &[
            CONDITIONS,
            &[(Type, One), (Units, Maybe), (Must, Any), (Default, Any), (Config, Maybe)],
            COUNTS,
            STATUS,
            TEXTS,
        ],
        List => &[
            CONDITIONS,
            &[(Must, Any), (Key, Maybe), (Unique, Any), (Config, Maybe)],
            COUNTS,
            STATUS,
            TEXTS,
            SCOPED,
            DATA,
            ACTIONS,
        ],
        Choice => &[
            CONDITIONS,
            &[
                (Default, Maybe),
                (Config, Maybe),
                (Mandatory, Maybe),
                (Case, Any),
                (Choice, Any),
                (Container, Any),
                (Leaf, Any),
                (LeafList, Any),
                (List, Any),
                (Anydata, Any),
                (Anyxml, Any),
            ],
            STATUS,
            TEXTS,
        ],
        Case => &[CONDITIONS, STATUS, TEXTS, DATA],
        Anydata | Anyxml => &[CONDITIONS, &[(Must, Any), (Config, Maybe), (Mandatory, Maybe)], STATUS, TEXTS],
        Uses => &[CONDITIONS, &[(Refine, Any), (Augment, Any)], STATUS, TEXTS],
        Augment => &[CONDITIONS, &[(Case, Any)], STATUS, TEXTS, DATA, ACTIONS],
        Rpc | Action => &[&[(IfFeature, Any), (Input, Maybe), (Output, Maybe)], STATUS, TEXTS, SCOPED],
        Input | Output => &[&[(Must, Any)], SCOPED, DATA],
        Notification => &[&[(IfFeature, Any), (Must, Any)], STATUS, TEXTS, SCOPED, DATA],
        _ => detail_rows(keyword),
    }
}

/// Returns the substatements of what is neither module, definition nor node.
fn detail_rows(keyword: Keyword) -> &'static [Row] {
    match keyword {
        Refine => &[
            &[
                (IfFeature, Any),
                (Must, Any),
                (Presence, Maybe),
                (Default, Any),
                (Config, Maybe),
                (Mandatory, Maybe),
                (MinElements, Maybe),
                (MaxElements, Maybe),
            ],
            TEXTS,
        ],
        Deviation => &[&[(Deviate, Several)], TEXTS],
        Deviate => &[&[
            (Type, Maybe),
            (Units, Maybe),
            (Must, Any),
            (Unique, Any),
            (Default, Any),
            (Config, Maybe),
            (Mandatory, Maybe),
            (MinElements, Maybe),
            (MaxElements, Maybe),
        ]],
        Type => &[&[
            (FractionDigits, Maybe),
            (Range, Maybe),
            (Length, Maybe),
            (Pattern, Any),
            (Enum, Any),
            (Bit, Any),
            (Path, Maybe),
            (RequireInstance, Maybe),
            (Base, Any),
            (Type, Any),
        ]],
        Range | Length | Must => &[ERROR, TEXTS],
        Pattern => &[&[(Modifier, Maybe)], ERROR, TEXTS],
        Enum => &[&[(IfFeature, Any), (Value, Maybe)], STATUS, TEXTS],
        Bit => &[&[(IfFeature, Any), (Position, Maybe)], STATUS, TEXTS],
        When => &[TEXTS],
        _ => &[],
    }
}

/// Checks a statement and all below it; takes out what cannot be used, so that later steps see sound statements only.
pub(super) fn check(statements: &mut Statements, id: StatementId, faults: &mut Diagnostics) {
    let is_1_1 = statements.first(id, YangVersion).is_some_and(|v| statements.argument(v) == "1.1");
    check_below(statements, id, is_1_1, faults);
}

fn check_below(statements: &mut Statements, id: StatementId, is_1_1: bool, faults: &mut Diagnostics) {
    let Some(keyword) = statements.keyword(id) else { return };
    let mut seen = HashSet::new();
    let mut dropped = HashSet::new();
    for child in statements.get(id).children.clone() {
        let child_keyword = match &statements.get(child).word {
            Word::Yang(child_keyword) => *child_keyword,
            Word::Extension { prefix, .. } => {
                // Without a prefix it is no statement at all, which the parser has told.
                if prefix.is_empty() {
                    dropped.insert(child);
                }
                continue;
            }
        };
        let times = times(keyword, child_keyword, is_1_1);
        let is_first = seen.insert(child_keyword);
        let fault = match times {
            None => Some(misplaced(statements, id, keyword, child)),
            Some(_) if !is_1_1 && is_new(keyword, child_keyword) => Some(too_new(statements, id, child)),
            Some(One | Maybe) if !is_first => {
                Some(Diagnostic::error(format!("`{keyword}` has more than one `{child_keyword}`")))
            }
            Some(_) => None,
        };
        if let Some(fault) = fault {
            faults.push(fault.at(statements.span(child)));
            dropped.insert(child);
        } else if let Some(fault) = argument::check(statements, child, child_keyword) {
            faults.push(fault.at(statements.argument_span(child)));
            dropped.insert(child);
        } else {
            if !is_1_1 && statements.argument(child).get(..3).is_some_and(|s| s.eq_ignore_ascii_case("xml")) {
                faults.extend(reserved(statements, child, child_keyword));
            }
            check_below(statements, child, is_1_1, faults);
        }
    }
    if matches!(keyword, Input | Output) && dropped.is_empty() && !DATA.iter().any(|(data, _)| seen.contains(data)) {
        let fault = Diagnostic::error(format!("`{keyword}` defines no node")).hint("leave it out where there are none");
        faults.push(fault.at(statements.span(id)));
    }
    for (needed, times) in rows(keyword).iter().copied().flatten() {
        let is_needed = matches!(times, One | Several) && !seen.contains(needed);
        if is_needed && !is_misspelt(statements, &dropped, *needed) {
            let what = format!("{} has no `{needed}`", statements.describe(id));
            faults.push(Diagnostic::error(what).at(statements.span(id)).hint(format!("add `{needed} …;`")));
        }
    }
    if matches!(keyword, Module | Submodule) {
        check_order(statements, id, faults);
    }
    if !dropped.is_empty() {
        statements.retain_children(id, |child| !dropped.contains(&child));
    }
}

/// Tells the first statement that stands behind the section of the module it belongs to (RFC 7950 §14, `module-stmt`).
fn check_order(statements: &Statements, id: StatementId, faults: &mut Diagnostics) {
    let sections = ["header", "imports and includes", "texts", "revisions", "definitions"];
    let mut furthest = 0;
    for child in statements.get(id).children.iter().copied() {
        let section = match statements.keyword(child) {
            Some(YangVersion | Namespace | Prefix | BelongsTo) => 0,
            Some(Import | Include) => 1,
            Some(Organization | Contact | Description | Reference) => 2,
            Some(Revision) => 3,
            Some(_) => 4,
            None => continue,
        };
        if section < furthest {
            let after = sections.get(furthest).copied().unwrap_or_default();
            let what = format!("{} stands behind the {after} of the module", statements.describe(child));
            let fault = Diagnostic::error(what).hint(format!("the order is {}", sections.join(", ")));
            faults.push(fault.at(statements.span(child)));
            return;
        }
        furthest = section;
    }
}

/// Returns whether the parser has told of an unknown keyword that is likely to mean this one.
fn is_misspelt(statements: &Statements, unknown: &HashSet<StatementId>, needed: Keyword) -> bool {
    unknown.iter().any(|id| match &statements.get(*id).word {
        Word::Extension { name, .. } => nearest(name, [needed.as_str()]).is_some(),
        Word::Yang(_) => false,
    })
}

fn times(parent: Keyword, child: Keyword, is_1_1: bool) -> Option<Times> {
    let times = rows(parent).iter().copied().flatten().find(|(k, _)| *k == child).map(|(_, times)| *times);
    match (parent, child) {
        // RFC 6020 §7.16.2, §9.10.2, §7.12.2, §7.18.3.2: what may be there several times in YANG 1.1 was single before.
        (Identity | Type, Base) | (Refine | Deviate, Default) if !is_1_1 => Some(Maybe),
        _ => times,
    }
}

/// Returns whether a substatement is one that YANG 1.1 allows and YANG 1 does not (RFC 7950 §1.1).
fn is_new(parent: Keyword, child: Keyword) -> bool {
    match child {
        Anydata | Action | Modifier => true,
        Notification => !matches!(parent, Module | Submodule),
        Description | Reference => matches!(parent, Import | Include),
        IfFeature => matches!(parent, Identity | Enum | Bit | Refine),
        Default => parent == LeafList,
        Must => matches!(parent, Notification | Input | Output),
        Choice => parent == Choice,
        _ => false,
    }
}

fn too_new(statements: &Statements, id: StatementId, child: StatementId) -> Diagnostic {
    let what =
        format!("{} in {} is YANG 1.1, and the module is YANG 1", statements.describe(child), statements.describe(id));
    Diagnostic::error(what).hint("add `yang-version 1.1;` to the module")
}

/// RFC 6020 §6.2: identifiers of YANG 1 do not start with `xml`.
fn reserved(statements: &Statements, id: StatementId, keyword: Keyword) -> Option<Diagnostic> {
    let what = format!("{} is a name that starts with `xml`, which YANG 1 keeps for itself", statements.describe(id));
    let fault = Diagnostic::error(what).hint("YANG 1.1 allows it");
    argument::is_definition(keyword).then(|| fault.at(statements.argument_span(id)))
}

fn misplaced(statements: &Statements, id: StatementId, keyword: Keyword, child: StatementId) -> Diagnostic {
    let written = statements.keyword(child).map_or("", Keyword::as_str);
    let fault = Diagnostic::error(format!("`{written}` is not a substatement of {}", statements.describe(id)));
    let allowed: Vec<&str> = rows(keyword).iter().copied().flatten().map(|(k, _)| k.as_str()).collect();
    match (allowed.is_empty(), nearest(written, allowed.iter().copied())) {
        (true, _) => fault.hint(format!("`{keyword}` has no substatements")),
        (false, Some(near)) => fault.hint(format!("did you mean `{near}`?")),
        (false, None) => fault,
    }
}
