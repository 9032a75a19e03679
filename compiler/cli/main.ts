#!/usr/bin/env node
import { ownCode } from '../load/own-code.ts';

const { commandLine } = await ownCode('command-line', () => import('./command-line.ts')).code;
await commandLine();
