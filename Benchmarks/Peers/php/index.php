<?php
// The counter of the comparison with PHP's own sessions. What they are kept in is said in the pool's configuration.
header('Content-Type: application/json');
switch ($_SERVER['SCRIPT_NAME']) {
    case '/api/plain':
        echo '{"ok":true}';
        break;
    case '/api/counter/n':
        session_start();
        $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
        $value = $_SESSION['n'];
        session_write_close();
        echo json_encode(['value' => $value]);
        break;
    case '/api/values/n':
        // Holds no lock while it answers, and writes nothing.
        session_start(['read_and_close' => true]);
        if (isset($_SESSION['n'])) {
            echo json_encode($_SESSION['n']);
        } else {
            http_response_code(404);
        }
        break;
    default:
        http_response_code(404);
}
