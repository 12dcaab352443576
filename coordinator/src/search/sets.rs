//! Points of the plan that train the same set of params. What a sampler gives again is no new point but another training of the first
//! one: its repeats are counted on, in the order of the plan.

use std::collections::BTreeMap;

/// A place in the plan: position of its round among the rounds (not its number), and its index there.
pub(super) type Place = (usize, u64);

/// Which places of the plan train the same set. Places are told in the order of the plan, each once.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// `None` where no set can come again, and nothing is kept.
    told: Option<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// By the epochs of a full training and what tells the params: trainings of another length are other points.
    known: BTreeMap<(u32, Vec<u64>), usize>,
    sets: Vec<Set>,
    /// `[round][point]`
    places: Vec<Vec<Entry>>,
    /// Of each round the places whose set was there before.
    repeats: Vec<u64>,
}

#[derive(Debug)]
struct Set {
    /// Its places, the one that names it first.
    places: Vec<Place>,
    trainings: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    set: usize,
    /// Trainings of the set at places before this one.
    before: u32,
}

impl Sets {
    /// For a plan of so many rounds whose sets may come again.
    pub fn of_rounds(rounds: usize) -> Sets {
        Sets {
            told: Some(Told {
                places: vec![Vec::new(); rounds],
                repeats: vec![0; rounds],
                ..Told::default()
            }),
        }
    }

    /// Whether a set can come again.
    pub fn recur(&self) -> bool {
        self.told.is_some()
    }

    /// Whether one has.
    pub fn have_repeats(&self) -> bool {
        self.told
            .as_ref()
            .is_some_and(|told| told.repeats.iter().any(|repeats| *repeats > 0))
    }

    /// How many sets were told.
    pub fn count(&self) -> u64 {
        self.told.as_ref().map_or(0, |told| told.sets.len() as u64)
    }

    /// How many places of a round were told.
    pub fn told_of(&self, round: usize) -> u64 {
        self.told
            .as_ref()
            .map_or(0, |told| told.places[round].len() as u64)
    }

    /// How many of them have a set that was there before.
    pub fn repeats_of(&self, round: usize) -> u64 {
        self.told.as_ref().map_or(0, |told| told.repeats[round])
    }

    /// The next place of a round: `key` tells its params where they may come again. Whether they were there before.
    pub fn tell(&mut self, round: usize, key: Option<(u32, Vec<u64>)>, trainings: u32) -> bool {
        let Some(told) = &mut self.told else {
            return false;
        };
        let place = (round, told.places[round].len() as u64);
        let new = told.sets.len();
        let set = match key {
            Some(key) => *told.known.entry(key).or_insert(new),
            None => new,
        };
        if set == new {
            told.sets.push(Set {
                places: Vec::new(),
                trainings: 0,
            });
        }
        let of_set = &mut told.sets[set];
        told.places[round].push(Entry {
            set,
            before: of_set.trainings,
        });
        of_set.places.push(place);
        of_set.trainings += trainings;
        told.repeats[round] += u64::from(set != new);
        set != new
    }

    /// The place that names the set of this one, and how many trainings the set has at places before this one.
    pub fn first(&self, place: Place) -> (Place, u32) {
        match self.entry(place) {
            Some((told, entry)) => (told.sets[entry.set].places[0], entry.before),
            None => (place, 0),
        }
    }

    /// The places of the set that this one belongs to, in order.
    pub fn places(&self, place: Place) -> Vec<Place> {
        match self.entry(place) {
            Some((told, entry)) => told.sets[entry.set].places.clone(),
            None => vec![place],
        }
    }

    /// Takes in that the set of this place is trained so often beside its places; how often it was trained before, `own` of it here.
    pub fn train(&mut self, place: Place, own: u32, more: u32) -> u32 {
        let entry = self.entry(place).map(|(_, entry)| entry);
        let set = match (&mut self.told, entry) {
            (Some(told), Some(entry)) => &mut told.sets[entry.set],
            _ => return own,
        };
        let before = set.trainings;
        set.trainings += more;
        before
    }

    fn entry(&self, (round, point): Place) -> Option<(&Told, Entry)> {
        let told = self.told.as_ref()?;
        let entry = told.places.get(round)?.get(point as usize)?;
        Some((told, *entry))
    }
}
