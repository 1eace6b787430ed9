//! What holds where: limits by class and unit, worked out once at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::{LimitFault, Limits};
use super::overrides::{ByClass, LimitOverrides};
use crate::people::{Class, UnitId};
use crate::vitals::Vital;

/// The limits of every class, and of every unit that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitTable {
    classes: ByClass<Arc<Limits>>,
    units: BTreeMap<UnitId, ByClass<Arc<Limits>>>,
}

/// Limits that cannot be judged, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFault {
    pub class: Class,
    /// The unit whose overrides do not fit; none where the class itself is at fault.
    pub unit: Option<UnitId>,
    pub fault: LimitFault,
}

impl TableFault {
    fn is_of_class(&self, class: Class, vital: Vital) -> bool {
        self.unit.is_none() && self.class == class && self.fault.vital == vital
    }
}

impl LimitTable {
    /// The defaults with the site's settings by class, then those by unit, laid over them.
    pub fn new(
        classes: &ByClass<LimitOverrides>,
        units: &BTreeMap<UnitId, ByClass<LimitOverrides>>,
    ) -> Result<Self, Vec<TableFault>> {
        let mut faults: Vec<TableFault> = Vec::new();
        let mut merge = |class, unit: Option<&UnitId>, below: &Limits, above: &LimitOverrides| {
            let (limits, found) = below.overlaid(above);
            for fault in found {
                // What is wrong with the class already is not reported again for each unit.
                if !faults.iter().any(|known| known.is_of_class(class, fault.vital)) {
                    faults.push(TableFault { class, unit: unit.cloned(), fault });
                }
            }
            Arc::new(limits)
        };
        let classes =
            ByClass::build(|class| merge(class, None, &Limits::of_class(class), classes.get(class)));
        let mut by_unit = BTreeMap::new();
        for (unit, overrides) in units {
            let limits = ByClass::build(|class| match overrides.get(class) {
                nothing if nothing.is_empty() => classes.get(class).clone(),
                above => merge(class, Some(unit), classes.get(class), above),
            });
            by_unit.insert(unit.clone(), limits);
        }
        if faults.is_empty() { Ok(Self { classes, units: by_unit }) } else { Err(faults) }
    }

    /// The limits of a class in a unit.
    pub fn limits(&self, class: Class, unit: &str) -> Arc<Limits> {
        self.units.get(unit).unwrap_or(&self.classes).get(class).clone()
    }

    /// The limits of a class where no unit differs.
    pub fn of_class(&self, class: Class) -> &Arc<Limits> {
        self.classes.get(class)
    }

    /// The units in which limits of this class differ, with theirs.
    pub fn differing(&self, class: Class) -> impl Iterator<Item = (&UnitId, &Arc<Limits>)> {
        let usual = self.classes.get(class);
        self.units
            .iter()
            .map(move |(unit, limits)| (unit, limits.get(class)))
            .filter(move |(_, limits)| **limits != *usual)
    }
}

impl Default for LimitTable {
    fn default() -> Self {
        Self { classes: ByClass::build(|class| Arc::new(Limits::of_class(class))), units: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vitals::Quantity;

    fn units(json: &str) -> BTreeMap<UnitId, ByClass<LimitOverrides>> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_unit_is_laid_over_its_class_and_the_class_over_the_defaults() {
        let classes = serde_json::from_str(r#"{"adult":{"heart_rate":{"low":45,"high":125}}}"#).unwrap();
        let units = units(r#"{"icu-1":{"adult":{"heart_rate":{"high":110}}}}"#);
        let table = LimitTable::new(&classes, &units).unwrap();
        let low_high = |unit| {
            let limits = table.limits(Class::Adult, unit);
            let rate = limits.get(Vital::HeartRate);
            (rate.low, rate.high)
        };
        let whole = |units| Some(Quantity::whole(units));
        assert_eq!(low_high("icu-1"), (whole(45), whole(110)));
        assert_eq!(low_high("ward-2"), (whole(45), whole(125)));
        assert_eq!(table.limits(Class::Neonate, "icu-1"), LimitTable::default().limits(Class::Neonate, ""));
        assert_eq!(table.differing(Class::Adult).count(), 1);
        assert_eq!(table.differing(Class::Neonate).count(), 0);
    }

    #[test]
    fn a_unit_that_does_not_fit_its_class_is_named() {
        let units = units(r#"{"icu-1":{"adult":{"heart_rate":{"low":125}}},"icu-2":{}}"#);
        let faults = LimitTable::new(&ByClass::default(), &units).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].unit.as_ref().map(UnitId::as_str), Some("icu-1"));
    }

    #[test]
    fn a_fault_of_the_class_is_reported_once() {
        let classes = serde_json::from_str(r#"{"adult":{"heart_rate":{"low":130}}}"#).unwrap();
        let units = units(r#"{"icu-1":{"adult":{"heart_rate":{"low":135}}}}"#);
        let faults = LimitTable::new(&classes, &units).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].unit, None);
    }
}
