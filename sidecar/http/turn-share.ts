/**
 * Bytes that one socket may bring before the others have had their turn: after so many it is not read until the event loop
 * has come round. Without it a peer that sends without end brings up to 32 full reads (2 MiB) in each turn, and every
 * stream beside it waits that long for its next event.
 */
export const TURN_BYTES_MAX = 256 * 1024
