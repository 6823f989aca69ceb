from funcx.sdk.client import FuncXClient
fxc = FuncXClient()
def hello_world():
    return "Hello World!"
func_uuid = fxc.register_function(hello_world)
ep_id = '4b116d3c-1703-4f8f-9f6f-39921e5864df'
result = fxc.run(endpoint_id=ep_id, function_id=func_uuid)
fxc.get_result(result)
