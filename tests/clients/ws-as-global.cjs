// Gives a script that was written for a browser the npm package "ws" as its WebSocket.
globalThis.WebSocket = require('ws');
