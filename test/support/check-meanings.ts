import { checkMeanings } from '../../compiler/driver/checks.ts';

// Every pass over schedules must keep what is computed, in every test that compiles.
checkMeanings(true);
