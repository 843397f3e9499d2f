curl -X POST http://localhost:3000/api/events -H "Content-Type: application/json" -d '{"channel":"notifications","data":{"message":"New update available!","priority":"high"}}'
